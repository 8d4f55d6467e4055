# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""What commits opened and closed, from the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.store.base import ChangeEntry, Position
from kg.store.feed import entries_of
from kg.store.sqlite.connection import snapshot
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.names import Names
from kg.store.sqlite.reading import RowReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from kg.store.sqlite.run import Runner


@dataclass(frozen=True, slots=True)
class Found:
    """One commit's entries behind a position."""

    seq: int
    entries: list[tuple[ChangeEntry, int, int]]
    erased: list[ChangeEntry]


def entries_after(db: apsw.Connection, runner: Runner, after: Position) -> Found | None:
    """Of the first commit that has any behind the position; None at the end."""
    with snapshot(db):
        tx = db.execute(
            "select seq, system, versions_from, versions_to, edges_from, edges_to from tx where seq >= ? order by seq",
            (after.seq,),
        )
        for seq, system, versions_from, versions_to, edges_from, edges_to in list(tx):
            reader = RowReader(db, runner.layout, runner.schema, Names(db))
            versions = {
                row[0]: reader.version(row)
                for row in _touched(db, "version v", reader.version_columns(), runner.layout.type_names, system,
                                    versions_from, versions_to)
            }  # fmt: skip
            edges = {
                row[0]: reader.edge(row)
                for row in _touched(db, f"edge e {reader.EDGE_ENDS}", reader.edge_columns(),
                                    runner.layout.relation_names, system, edges_from, edges_to)
            }  # fmt: skip
            entries = [e for e in entries_of(seq, system, versions.values(), edges.values()) if e[0].position > after]
            erased = [e for e in _erased(db, seq, system) if e.position > after]
            if entries or erased:
                return Found(seq, entries, erased)
    return None


def _touched(
    db: apsw.Connection, tables: str, columns: str, holders: Iterable[int], system: int, first: int, end: int
) -> Iterable[tuple[Any, ...]]:
    """Rows that the commit opened, by their numbers in each class, and those that it closed."""
    alias = columns.split(".", 1)[0]
    for holder in holders if end > first else ():
        low, high = holder << ROW_BITS | first, holder << ROW_BITS | end
        yield from db.execute(
            f"select {columns} from {tables} where {alias}.row >= ? and {alias}.row < ? and {alias}.sf = ?",
            (low, high, system),
        )
    yield from db.execute(f"select {columns} from {tables} where {alias}.st = ?", (system,))


def _erased(db: apsw.Connection, seq: int, system: int) -> list[ChangeEntry]:
    return [
        ChangeEntry(Position(seq, 1), system, "erased", "entity", entity, name, 0, 0, {})
        for entity, name in db.execute("select entity, property from tombstone where seq = ?", (seq,))
    ]
