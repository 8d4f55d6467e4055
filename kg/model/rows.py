"""The rows that stores hold. Every store holds the same ones; layouts differ.

Intervals are flat integers here because rows are many. `*_to = OPEN` is current or unbounded.
Row ids are the store's own and never leave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kg.model.intervals import OPEN, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.model.changes import RecordKey, Value


@dataclass(slots=True)
class RecordRow:
    """The fact that a source's record belongs to an entity. `home` is the entity at first sight.

    The source "" is the store's own: its record of local id E stands for whatever is said of entity E by id.
    """

    source: str
    local: str
    home: str
    entity: str
    level_from: int = 0
    level_to: int = OPEN
    system_from: int = 0
    system_to: int = OPEN
    row: int = 0


@dataclass(slots=True)
class ClaimRow:
    """What one record says over one valid interval."""

    source: str
    local: str
    cls: str
    properties: Mapping[str, Value]
    valid_from: int
    valid_to: int
    level: int
    confidence: float
    stated: int | None
    mentioned: bool
    run: str
    anchors: tuple[int, ...] = ()  # statement starts strictly inside, lost by coalescing
    system_from: int = 0
    system_to: int = OPEN
    row: int = 0


@dataclass(slots=True)
class VersionRow:
    """An entity's resolved version.

    `sources`: property → source id of its value; "" → the source of the class and of all properties not named.
    """

    entity: str
    cls: str
    properties: Mapping[str, Value]
    sources: Mapping[str, str]
    valid_from: int
    valid_to: int
    level_from: int = 0
    level_to: int = OPEN
    system_from: int = 0
    system_to: int = OPEN
    mentioned: bool = False
    row: int = 0

    @property
    def valid(self) -> Interval:
        return Interval(self.valid_from, self.valid_to)


@dataclass(slots=True)
class RelationClaimRow:
    """What one source says of one relation. Ends and entity-valued properties are records.

    `start`, `end`: RecordKey of the ends. `references`: entity-valued properties as RecordKey.
    `line` is the claim line's name: hash of (source, relation, start, end, key properties).
    """

    line: str
    source: str
    relation: str
    start: RecordKey
    end: RecordKey
    properties: Mapping[str, Value]  # literal ones
    references: Mapping[str, RecordKey]
    valid_from: int
    valid_to: int
    level: int
    confidence: float
    stated: int | None
    run: str
    anchors: tuple[int, ...] = ()
    system_from: int = 0
    system_to: int = OPEN
    row: int = 0


@dataclass(slots=True)
class EdgeRow:
    """A resolved relation between two entities; entity-valued properties hold entity ids.

    `edge` is the relation's identity: hash of (relation, start, end, key properties).
    """

    edge: str
    relation: str
    start: str
    end: str
    properties: Mapping[str, Value]
    sources: Mapping[str, str]
    valid_from: int
    valid_to: int
    level_from: int = 0
    level_to: int = OPEN
    system_from: int = 0
    system_to: int = OPEN
    row: int = 0


@dataclass(slots=True)
class IdentifierRow:
    """An identifier value held by an entity: derived from its resolved versions."""

    scheme: str
    value: str
    entity: str
    valid_from: int
    valid_to: int
    level_from: int = 0
    level_to: int = OPEN
    system_from: int = 0
    system_to: int = OPEN
    row: int = 0
