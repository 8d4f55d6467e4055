"""Items for review. An item's id says what it is about, so that it can be decided on without being listed first.

merge:ENTITY:ENTITY                     the two may be one
conflict:ENTITY:PROPERTY:FINGERPRINT    sources differ; the fingerprint is of what they say, so that a decision
                                        stands until one of them says something else
stub:ENTITY                             mentioned, and nothing more is known
row:FILE:ROW:FINGERPRINT                a row that was refused
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.ingest.matching.scoring import Reason


class ItemKind(StrEnum):
    MERGE = "merge"
    CONFLICT = "conflict"
    STUB = "stub"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things that an item sets against each other: an entity, or what a source says."""

    id: str = ""  # of an entity
    label: str = ""
    cls: str = ""
    sources: tuple[str, ...] = ()
    value: Any = None  # of a conflict
    chosen: bool = False  # of a conflict: what is shown
    record: str = ""  # of a conflict: the source's own id


@dataclass(frozen=True, slots=True)
class Item:
    """Something that waits for a decision."""

    id: str
    kind: ItemKind
    sides: tuple[Side, ...] = ()
    score: float | None = None
    reasons: tuple[Reason, ...] = ()
    field_name: str = ""  # of a conflict: the property
    file: str = ""  # of a row
    row: int = 0
    wrong: tuple[dict[str, Any], ...] = field(default=())  # of a row: field, value, reason, remedy

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({source for side in self.sides for source in side.sources}))


@dataclass(frozen=True, slots=True)
class Named:
    """An item's id taken apart."""

    id: str
    kind: ItemKind
    entities: tuple[str, ...] = ()
    field_name: str = ""


_FORMS: Final = {
    ItemKind.MERGE: "merge:ENTITY:ENTITY",
    ItemKind.CONFLICT: "conflict:ENTITY:PROPERTY:FINGERPRINT",
    ItemKind.STUB: "stub:ENTITY",
    ItemKind.ROW: "row:FILE:ROW:FINGERPRINT",
}


def parse(text: str) -> Named:
    """An item's id. QueryError for what is none."""
    kind, _, rest = text.partition(":")
    parts = rest.split(":")
    if kind == ItemKind.MERGE and len(parts) == 2 and all(parts) and parts[0] != parts[1]:
        return Named(merge_id(*parts), ItemKind.MERGE, tuple(sorted(parts)))
    if kind == ItemKind.CONFLICT and len(parts) == 3 and all(parts):
        return Named(text, ItemKind.CONFLICT, (parts[0],), parts[1])
    if kind == ItemKind.STUB and len(parts) == 1 and rest:
        return Named(text, ItemKind.STUB, (rest,))
    if kind == ItemKind.ROW and len(parts) >= 3 and all(parts):
        return Named(text, ItemKind.ROW)
    raise QueryError(
        "This is no item for review", field="ID", value=text,
        remedy=f"`jingwei review list` gives their ids: {', '.join(_FORMS.values())}.",
    )  # fmt: skip


def merge_id(one: str, other: str) -> str:
    return f"merge:{min(one, other)}:{max(one, other)}"


def fingerprint(said: Iterable[object]) -> str:
    """Of what was said, in any order: ten hexadecimal digits."""
    lines = sorted(orjson.dumps(one, option=orjson.OPT_SORT_KEYS, default=str) for one in said)
    return blake2b(b"\n".join(lines), digest_size=5).hexdigest()
