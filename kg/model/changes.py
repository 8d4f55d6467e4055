"""What writers say: a ChangeSet of puts, ends, relations, merges and splits, and the Receipt for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from kg.model.intervals import ALWAYS, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = "str | bool | int | float | tuple[str | bool | int | float, ...]"
"""A property value in stored form (see `kg.schema.types.Datatype`); a tuple where the property is many-valued."""


ABOUT = "jingwei"
"""The source of facts about the graph itself: decisions, deliveries."""
REVIEW = "jingwei:review"
"""The source of choices among what others say: its claims decide the properties that they name, wherever something else
says that the entity is; they give neither existence nor class."""

RESERVED = frozenset({ABOUT, REVIEW})


@dataclass(frozen=True, slots=True)
class Source:
    """Who claims. Resolution order: higher `priority` first; `level` is the least that reads its claims."""

    id: str
    label: str = ""
    priority: int = 0
    level: int = 0
    timezone: str = "Asia/Shanghai"


class RecordKey(NamedTuple):
    """A source's own name for one of its records."""

    source: str
    local: str


@dataclass(frozen=True, slots=True)
class ByRecord:
    """Names an entity by a source's record."""

    source: str
    local: str


@dataclass(frozen=True, slots=True)
class ById:
    """Names an entity by its id; a retired id names the survivor."""

    id: str


@dataclass(frozen=True, slots=True)
class ByIdentifier:
    """Names an entity by a value of an identifier scheme."""

    scheme: str
    value: str


Ref: TypeAlias = ByRecord | ById | ByIdentifier


@dataclass(frozen=True, slots=True)
class Put:
    """One source states an entity's properties over a valid interval.

    `patch=False`: within `valid` the record says exactly `properties`. `patch=True`: merged property by
    property into what the record says already, None removes. `until_next=True`: the interval ends where
    the record's next statement starts (late registries). `entity` attaches a record at first sight to an
    entity that exists. `level=None` is the source's. Properties are in stored form and valid
    (`kg.schema.checks`); the planner does not check them again.
    """

    record: RecordKey
    cls: str
    properties: Mapping[str, Value | None]
    valid: Interval = ALWAYS
    patch: bool = False
    until_next: bool = False
    level: int | None = None
    confidence: float = 1.0
    stated: int | None = None  # the source's own statement instant
    entity: Ref | None = None
    mentioned: bool = False  # a stub: provenance "mentioned"


@dataclass(frozen=True, slots=True)
class End:
    """One source takes back, for `valid`, that its record exists (termination: from an instant on)."""

    record: RecordKey
    valid: Interval
    level: int | None = None  # takes back claims of this level (None: the source's) and above
    until_next: bool = False  # as in Put


@dataclass(frozen=True, slots=True)
class Relate:
    """One source states a relation and its properties over a valid interval.

    `properties` include key properties. Entity-valued properties are given as `Ref`.
    `stub`: class of the entity created for an unknown end ("" rejects).
    """

    source: str
    relation: str
    start: Ref
    end: Ref
    properties: Mapping[str, Value | Ref | None] = field(default_factory=dict)
    valid: Interval = ALWAYS
    patch: bool = False
    until_next: bool = False
    level: int | None = None
    confidence: float = 1.0
    stated: int | None = None
    stub: str = ""


@dataclass(frozen=True, slots=True)
class Unrelate:
    """One source takes back a relation for `valid`; `properties` hold the key properties."""

    source: str
    relation: str
    start: Ref
    end: Ref
    properties: Mapping[str, Value | Ref | None] = field(default_factory=dict)
    valid: Interval = ALWAYS
    level: int | None = None  # as in End


@dataclass(frozen=True, slots=True)
class Merge:
    """`loser` is `survivor` after all, for readers of `level` and above."""

    survivor: str
    loser: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """Records go back to the entity they were minted for, or into a new one together (`apart`), or to the entity of
    the id `into`, be it retired: what a merge brought away goes back there as it came."""

    records: tuple[RecordKey, ...]
    level: int = 0
    apart: bool = False
    into: str = ""


@dataclass(frozen=True, slots=True)
class Retract:
    """Takes back all that one run claimed."""

    run: str


Change: TypeAlias = Put | End | Relate | Unrelate | Merge | Split | Retract


@dataclass(frozen=True, slots=True)
class Expect:
    """The entity is as it was read: no row of it, nor of its relations, was opened or closed after the system instant
    `revision`, which may be the pinned instant of the read. None: it is absent."""

    id: str
    revision: int | None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """All or nothing, at one system instant.

    `key` makes it idempotent: the same key with equal content answers the stored receipt, with other
    content it is an IdempotencyConflict. `recorded_at` replays history under its own recording instant
    (a right of whoever builds the store): not before the store's last system instant, not after now.
    """

    changes: tuple[Change, ...]
    run: str = ""
    key: str = ""
    sources: tuple[Source, ...] = ()
    expect: tuple[Expect, ...] = ()
    author: str = ""
    reason: str = ""
    recorded_at: int | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was not taken, and how to mend it."""

    where: str  # file and row, or the change's number
    field: str
    value: Any
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Clipped:
    """A relation whose interval was cut because an end ceased to exist."""

    relation: str
    start: str
    end: str
    was: Interval
    now: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a ChangeSet or a load did. read = loaded + merged + unchanged + rejected, counted in changes.

    `merged`: joined an entity that another record had brought. `ended`: records that a whole file has no more.
    """

    read: int = 0
    loaded: int = 0
    merged: int = 0
    unchanged: int = 0
    rejected: int = 0
    system: int | None = None  # the commit's instant; None when nothing was written
    seq: int | None = None
    run: str = ""
    entities: tuple[str, ...] = ()  # for each Put in order, its entity id
    outcomes: str = ""  # for each change in order, a letter: "l" loaded, "m" merged, "u" unchanged
    clipped: tuple[Clipped, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    ended: int = 0
    replayed: bool = False  # answered from the idempotency key
