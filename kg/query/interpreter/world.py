"""What the interpreter reads: the rows of a store, found by simple indexes, at instants and a level."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from kg.query.algebra import Range, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, VersionRow
    from kg.schema.types import Schema

R = TypeVar("R")


class Tables(Protocol):
    """All rows of a store, superseded ones included."""

    @property
    def records(self) -> Iterable[RecordRow]: ...
    @property
    def claims(self) -> Iterable[ClaimRow]: ...
    @property
    def versions(self) -> Iterable[VersionRow]: ...
    @property
    def edges(self) -> Iterable[EdgeRow]: ...
    @property
    def identifiers(self) -> Iterable[IdentifierRow]: ...


class Timed(Protocol):
    valid_from: int
    valid_to: int
    system_from: int
    system_to: int


@dataclass(frozen=True, slots=True)
class At:
    """The instants and the level at which a select reads. `latest`: the latest commit."""

    valid: int | Range
    system: int | Range
    level: int
    latest: int

    def under(self, time: Time) -> At:
        """For a source within, with a Time of its own or not."""
        return At(
            self.valid if time.valid is None else time.valid,
            self.system if time.system is None else time.system,
            self.level,
            self.latest,
        )

    @property
    def ranged(self) -> bool:
        return isinstance(self.valid, Range) or isinstance(self.system, Range)

    @property
    def identity(self) -> int:
        """The system instant at which identity is read."""
        return self.latest if isinstance(self.system, Range) else self.system

    def times(self, row: Timed) -> bool:
        return meets(self.valid, row.valid_from, row.valid_to) and meets(self.system, row.system_from, row.system_to)

    def sees(self, row: VersionRow | EdgeRow | IdentifierRow) -> bool:
        return row.level_from <= self.level < row.level_to and self.times(row)


def meets(when: int | Range, start: int, end: int) -> bool:
    """Whether [start, end) contains the instant, or meets the range."""
    if isinstance(when, Range):
        return (when.end is None or start < when.end) and (when.start is None or end > when.start)
    return start <= when < end


def _by(rows: Iterable[R], *keys: Callable[[R], Hashable]) -> dict[Hashable, list[R]]:
    out: dict[Hashable, list[R]] = defaultdict(list)
    for row in rows:
        for key in {key(row) for key in keys}:
            out[key].append(row)
    return dict(out)


class World:
    """Schema and rows. Indexes are built when first used."""

    def __init__(self, schema: Schema, tables: Tables, latest: int) -> None:
        self.schema = schema
        self.tables = tables
        self.latest = latest

    @cached_property
    def _versions(self) -> dict[Hashable, list[VersionRow]]:
        return _by(self.tables.versions, lambda r: r.entity)

    @cached_property
    def _extents(self) -> dict[Hashable, list[VersionRow]]:
        return _by(self.tables.versions, lambda r: r.cls)

    @cached_property
    def _edges(self) -> dict[Hashable, list[EdgeRow]]:
        return _by(
            self.tables.edges,
            lambda r: r.relation,
            lambda r: (r.relation, True, r.start),
            lambda r: (r.relation, False, r.end),
        )

    @cached_property
    def _records(self) -> dict[Hashable, list[RecordRow]]:
        return _by(self.tables.records, lambda r: ("entity", r.entity), lambda r: ("home", r.home))

    @cached_property
    def _claims(self) -> dict[Hashable, list[ClaimRow]]:
        return _by(self.tables.claims, lambda r: (r.source, r.local))

    @cached_property
    def _identifiers(self) -> dict[Hashable, list[IdentifierRow]]:
        return _by(self.tables.identifiers, lambda r: (r.scheme, r.value))

    # ------------------------------------------------------------ rows

    def versions(self, entity: str, cls: str, at: At) -> list[VersionRow]:
        """Versions of an entity where it is of the class: at instants one at most."""
        return [r for r in self._versions.get(entity, ()) if at.sees(r) and self.schema.is_a(r.cls, cls)]

    def extent(self, cls: str, at: At) -> list[VersionRow]:
        found = (r for name in self.schema.concrete(cls) for r in self._extents.get(name, ()))
        return [r for r in found if at.sees(r)]

    def relations(self, relation: str, at: At) -> list[EdgeRow]:
        return [r for r in self._edges.get(relation, ()) if at.sees(r)]

    def edges_of(self, relation: str, outward: bool, entity: str, at: At) -> list[EdgeRow]:
        return [r for r in self._edges.get((relation, outward, entity), ()) if at.sees(r)]

    def claims(self, record: tuple[str, str], at: At) -> list[ClaimRow]:
        return [r for r in self._claims.get(record, ()) if r.level <= at.level and at.times(r)]

    # ------------------------------------------------------------ identity

    def _known(self, side: str, entity: str, at: At) -> list[RecordRow]:
        return [
            r
            for r in self._records.get((side, entity), ())
            if r.level_from <= at.level < r.level_to and r.system_from <= at.identity < r.system_to
        ]

    def records_of(self, entity: str, at: At) -> list[tuple[str, str]]:
        """(source, local id) of the records that belong to an entity, in order."""
        return sorted((r.source, r.local) for r in self._known("entity", entity, at))

    def survivor(self, entity: str, at: At) -> str:
        """The entity that answers to an id: itself, or the one into which it went."""
        if self._known("entity", entity, at):
            return entity
        return min((r.entity for r in self._known("home", entity, at)), default=entity)

    def merged_from(self, entity: str, at: At) -> list[str]:
        """Ids that answer as this entity since all their records went elsewhere, some of them here."""
        homes = {r.home for r in self._known("entity", entity, at)} - {entity}
        return sorted(home for home in homes if not self._known("entity", home, at))

    def holders(self, key: tuple[str, str], at: At) -> Sequence[str]:
        """Entities that hold an identifier: at an instant one at most."""
        return sorted({r.entity for r in self._identifiers.get(key, ()) if at.sees(r)})
