"""All rows of a store in memory, with the indexes that commits read by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from kg.model.changes import RecordKey, Source
from kg.model.intervals import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

    from kg.model.changes import Receipt
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.commit.rows import Delta, Ops, Span

R = TypeVar("R", bound=Any)


@dataclass(slots=True)
class TxRow:
    """One commit."""

    seq: int
    system: int
    run: str
    key: str
    content: str
    author: str
    reason: str
    receipt: Receipt
    recorded: bool = False  # its instant was given by the writer (replayed history)


class Table(dict[int, R]):
    """Rows by row id, and for each index the ids of its *current* rows, and of all, by key."""

    def __init__(self, **indexes: Callable[[R], Iterable[Hashable]]) -> None:
        super().__init__()
        self._functions = indexes
        self._current: dict[str, dict[Hashable, dict[int, None]]] = {n: defaultdict(dict) for n in indexes}
        self._all: dict[str, dict[Hashable, dict[int, None]]] = {n: defaultdict(dict) for n in indexes}
        self._next = 1

    def add(self, row: R) -> None:
        """Take a row in under a fresh id, unless it has one."""
        if not row.row:
            row.row = self._next
        self._next = max(self._next, row.row + 1)
        self[row.row] = row
        for name, function in self._functions.items():
            for key in function(row):
                self._all[name][key][row.row] = None
                if row.system_to == OPEN:
                    self._current[name][key][row.row] = None

    def end(self, row: R, system: int) -> None:
        """Close a current row."""
        held: Any = self[row.row]
        held.system_to = system
        for name, function in self._functions.items():
            for key in function(held):
                self._current[name][key].pop(row.row, None)

    def drop(self, number: int) -> None:
        """Remove a row for good."""
        row = self.pop(number)
        for name, function in self._functions.items():
            for key in function(row):
                self._current[name][key].pop(number, None)
                self._all[name][key].pop(number, None)

    def current(self, index: str, key: Hashable) -> list[R]:
        return [self[n] for n in self._current[index].get(key, ())]

    def ever(self, index: str, key: Hashable) -> list[R]:
        return [self[n] for n in self._all[index].get(key, ())]


def _record(row: Any) -> tuple[RecordKey]:
    return (RecordKey(row.source, row.local),)


def _relation_records(row: RelationClaimRow) -> set[RecordKey]:
    return {row.start, row.end, *row.references.values()}


@dataclass
class Tables:
    """The rows of `kg.model.rows`, all of them, and the commits."""

    sources: dict[str, Source] = field(default_factory=dict)
    records: Table[RecordRow] = field(default_factory=lambda: Table(key=_record, entity=lambda r: {r.entity, r.home}))
    claims: Table[ClaimRow] = field(default_factory=lambda: Table(key=_record, source=lambda r: (r.source,)))
    versions: Table[VersionRow] = field(default_factory=lambda: Table(entity=lambda r: (r.entity,)))
    relation_claims: Table[RelationClaimRow] = field(
        default_factory=lambda: Table(
            line=lambda r: (r.line,),
            ends=lambda r: ((r.relation, r.start, r.end),),
            record=_relation_records,
            source=lambda r: (r.source,),
        )
    )
    edges: Table[EdgeRow] = field(
        default_factory=lambda: Table(edge=lambda r: (r.edge,), entity=lambda r: {r.start, r.end})
    )
    identifiers: Table[IdentifierRow] = field(
        default_factory=lambda: Table(key=lambda r: ((r.scheme, r.value),), entity=lambda r: (r.entity,))
    )
    tx: list[TxRow] = field(default_factory=list)
    affirmed: dict[tuple[bool, int], list[str]] = field(default_factory=dict)
    erased: list[dict[str, Any]] = field(default_factory=list)
    pruned_before: int = 0
    earlier: list[Schema] = field(default_factory=list)  # Schemas before the one that the rows fit, oldest first

    @property
    def system(self) -> int:
        return self.tx[-1].system if self.tx else 0

    def apply(self, delta: Delta, system: int) -> None:
        """Write a commit's row operations."""
        for source in delta.sources:
            self.sources[source.id] = source
        for table, ops in self._pairs(delta):
            for row in ops.close:
                table.end(row, system)
            for row, low, high in ops.narrow:
                held = table[row.row]
                held.level_from, held.level_to = low, high
            for row in ops.insert:
                table.add(row)
        for relation, ops in ((False, delta.claims), (True, delta.relation_claims)):
            table = self.relation_claims if relation else self.claims
            for row, anchors in ops.anchors:
                table[row.row].anchors = anchors
            for row, run in ops.affirm:
                runs = self.affirmed.setdefault((relation, row.row), [])
                if run not in runs:
                    runs.append(run)

    def _pairs(self, delta: Delta) -> tuple[tuple[Table[Any], Ops[Any]], ...]:
        return (
            (self.records, delta.records),
            (self.claims, delta.claims),
            (self.versions, delta.versions),
            (self.relation_claims, delta.relation_claims),
            (self.edges, delta.edges),
            (self.identifiers, delta.identifiers),
        )


class TablesReading:
    """`kg.store.commit.rows.Reading` over `Tables`."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def sources(self) -> Mapping[str, Source]:
        return self.tables.sources

    def records(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordRow]]:
        return _found(keys, lambda k: self.tables.records.current("key", k))

    def records_of(self, entities: Collection[str]) -> dict[str, list[RecordRow]]:
        return _found(entities, lambda e: self.tables.records.current("entity", e))

    def claims(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[ClaimRow]]:
        return _found(keys, lambda k: self.tables.claims.current("key", k))

    def versions(self, entities: Collection[str]) -> dict[str, list[VersionRow]]:
        return _found(entities, lambda e: self.tables.versions.current("entity", e))

    def spans(self, entities: Collection[str]) -> dict[str, list[Span]]:
        return {
            entity: [(r.row, r.valid_from, r.valid_to, r.level_from, r.level_to) for r in rows]
            for entity, rows in self.versions(entities).items()
        }

    def identifiers(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[IdentifierRow]]:
        return _found(keys, lambda k: self.tables.identifiers.current("key", k))

    def identifiers_of(self, entities: Collection[str]) -> dict[str, list[IdentifierRow]]:
        return _found(entities, lambda e: self.tables.identifiers.current("entity", e))

    def relation_claims(self, lines: Collection[str]) -> dict[str, list[RelationClaimRow]]:
        return _found(lines, lambda n: self.tables.relation_claims.current("line", n))

    def relation_claims_between(
        self, pairs: Collection[tuple[str, RecordKey, RecordKey]]
    ) -> dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]]:
        return _found(pairs, lambda p: self.tables.relation_claims.current("ends", p))

    def relation_claims_of(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RelationClaimRow]]:
        return _found(keys, lambda k: self.tables.relation_claims.current("record", k))

    def edges(self, edges: Collection[str]) -> dict[str, list[EdgeRow]]:
        return _found(edges, lambda e: self.tables.edges.current("edge", e))

    def claim_history(self, run: str) -> dict[RecordKey, list[ClaimRow]]:
        keys = {
            RecordKey(row.source, row.local)
            for row in self.tables.claims.values()
            if self._touched(row, run, relation=False)
        }
        return _found(sorted(keys), lambda k: self.tables.claims.ever("key", k))

    def relation_claim_history(self, run: str) -> dict[str, list[RelationClaimRow]]:
        lines = {row.line for row in self.tables.relation_claims.values() if self._touched(row, run, relation=True)}
        return _found(sorted(lines), lambda n: self.tables.relation_claims.ever("line", n))

    def _touched(self, row: Any, run: str, *, relation: bool) -> bool:
        systems = {tx.system for tx in self.tables.tx if tx.run == run}
        return (
            row.run == run
            or row.system_from in systems
            or row.system_to in systems
            or run in self.tables.affirmed.get((relation, row.row), ())
        )

    def runs_at(self, systems: Collection[int]) -> dict[int, str]:
        return {tx.system: tx.run for tx in self.tables.tx if tx.system in systems}

    def affirmations(self, rows: Collection[int], *, relation: bool) -> dict[int, tuple[str, ...]]:
        held = self.tables.affirmed
        return {n: tuple(held[relation, n]) for n in rows if (relation, n) in held}

    def records_of_source(self, source: str) -> list[RecordKey]:
        rows = self.tables.claims.current("source", source)
        return sorted({RecordKey(r.source, r.local) for r in rows})

    def lines_of_source(self, source: str) -> list[str]:
        return sorted({r.line for r in self.tables.relation_claims.current("source", source)})

    def revisions(self, entities: Collection[str]) -> dict[str, int]:
        out: dict[str, int] = {}
        for entity in entities:
            rows: list[Any] = [*self.tables.versions.ever("entity", entity)]
            rows += self.tables.edges.ever("entity", entity)
            instants = [i for r in rows for i in (r.system_from, r.system_to) if i != OPEN]
            if instants:
                out[entity] = max(instants)
        return out


def _found(keys: Iterable[Any], rows: Callable[[Any], list[Any]]) -> dict[Any, list[Any]]:
    return {key: found for key in keys if (found := rows(key))}
