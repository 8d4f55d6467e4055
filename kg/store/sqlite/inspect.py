# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""What `check` looks at: the file itself, the indexes that are no indexes to SQLite, and the rows' invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.model.intervals import OPEN
from kg.store.archive import as_tables
from kg.store.base import Finding
from kg.store.invariants import check_tables
from kg.store.sqlite.whole import FileRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from kg.schema.types import Schema
    from kg.store.sqlite.layout import Layout


def findings(db: apsw.Connection, layout: Layout, schema: Schema) -> Iterator[Finding]:
    """All of them; none is a clean store."""
    broken = [str(text) for (text,) in db.execute("pragma integrity_check(20)") if text != "ok"]
    if broken:
        yield from (Finding("file", "", text) for text in broken)
        return
    yield from _boxes(db, layout)
    yield from _clock(db)
    yield from check_tables(schema, as_tables(FileRows(db, layout, schema)))


def _boxes(db: apsw.Connection, layout: Layout) -> Iterator[Finding]:
    for column in layout.boxed():
        name = column.name
        for (row,) in db.execute(
            f"select row from version where {name} is not null and row not in (select row from box_{name}) "
            f"union all select row from box_{name} where row not in (select row from version where {name} is not null)"
        ):
            yield Finding("geometry index incomplete", str(row), f"box_{name} and version differ")


def _clock(db: apsw.Connection) -> Iterator[Finding]:
    """Commits are dense and in the order of their instants; no row is younger than the latest, but for entries of the
    statement log: what changes no fact is noted without a commit."""
    last_seq, last_system = 0, -1
    for seq, system in db.execute("select seq, system from tx order by seq"):
        if seq != last_seq + 1 or system <= last_system:
            yield Finding("commit out of order", str(seq), f"follows {last_seq} at {last_system}")
        last_seq, last_system = seq, system
    for table in ("record", "claim", "version", "relation_claim", "edge", "identifier"):
        facts = f"and level < {OPEN}" if table in {"claim", "relation_claim"} else ""
        young = db.execute(f"select count(*) from {table} where sf > ? {facts}", (last_system,)).get
        if young and last_seq:
            yield Finding("row of no commit", table, f"{young} rows are younger than the latest commit")
