"""What `check` looks at: the present is a copy of what holds at the pivot; commits; the rows' invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.model.intervals import MIN, OPEN
from kg.store.archive import as_tables
from kg.store.base import Finding
from kg.store.invariants import check_tables
from kg.store.neo4j import layout as names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.schema.types import Schema
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.reading import Work
    from kg.store.neo4j.whole import GraphRows
    from kg.store.tables import Tables

_HELD = (
    "s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 AND s.validFrom <= $pivot AND s.validTo > $pivot"
)  # fmt: skip


async def present_findings(work: Work, layout: Layout, ticks: Ticks) -> list[Finding]:
    """Entities and relations whose present is not a copy of their row at the pivot; boundaries that are missing."""
    out: list[Finding] = []
    for entity, shown, held in await work.rows(
        f"MATCH (e:`{names.ENTITY}`) OPTIONAL MATCH (e)-[:`{names.HAS_STATE}`]->(s) WHERE {_HELD} "
        "WITH e, collect(s) AS held WHERE size(held) > 1 OR NOT CASE WHEN size(held) = 0 "
        "THEN size(keys(e)) = 1 AND size(labels(e)) = 1 "
        # An entity has ENTITY and the root class's label, a state has STATE for both.
        "ELSE size(labels(e)) = size(labels(held[0])) + 1 "
        "AND all(k IN keys(held[0]) WHERE k = '_levelTo' OR held[0][k] = e[k]) "
        "AND all(k IN keys(e) WHERE held[0][k] IS NOT NULL AND k <> '_levelTo') END "
        "RETURN e.id, properties(e), [s IN held | properties(s)]",
        pivot=ticks.pivot,
    ):
        out.append(Finding("the present differs from the rows", entity, f"shown {shown}, held {held}"))
    for relation in layout.relations:
        held_type, all_type = layout.relation(relation), layout.state_relation(relation)
        found = await work.rows(
            f"MATCH ()-[s:{all_type}]->() WHERE {_HELD} RETURN s.edge AS edge, s._row AS row", pivot=ticks.pivot
        )
        shown = await work.rows(f"MATCH ()-[h:{held_type}]->() RETURN h.edge AS edge, h._row AS row")
        for edge, row in sorted(set(map(tuple, found)) ^ set(map(tuple, shown))):
            out.append(Finding("the present differs from the rows", edge, f"{relation} row {row}"))
    out += await _boundaries(work, layout, ticks)
    return out


async def _boundaries(work: Work, layout: Layout, ticks: Ticks) -> list[Finding]:
    """No row of the present's level begins or ends within the range in which the current plan is used."""
    inside = " OR ".join(
        f"(s.{end} > $start AND s.{end} < $end AND s.{end} > {MIN} AND s.{end} < {OPEN})"
        for end in (names.VALID_FROM, names.VALID_TO)
    )
    test = f"s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 AND ({inside})"
    asked = {"start": ticks.held_from, "end": ticks.held_to}
    found = await work.rows(f"MATCH (s:`{names.STATE}`) WHERE {test} RETURN s.id, s._row", **asked)
    for relation in layout.relations:
        found += await work.rows(
            f"MATCH ()-[s:{layout.state_relation(relation)}]->() WHERE {test} RETURN s.edge, s._row", **asked
        )
    return [Finding("a row begins or ends where the present is used", what, f"row {row}") for what, row in found]


def row_findings(schema: Schema, rows: GraphRows) -> list[Finding]:
    """The same checks that all stores share, on all rows in memory."""
    tables = as_tables(rows)
    return [*_commits(tables), *check_tables(schema, tables)]


def _commits(tables: Tables) -> Iterator[Finding]:
    """Commits are dense and in the order of their instants; no row is younger than the latest, but for entries of the
    statement log: what changes no fact is noted without a commit."""
    last_seq, last_system = 0, -1
    for tx in tables.tx:
        if tx.seq != last_seq + 1 or tx.system <= last_system:
            yield Finding("commit out of order", str(tx.seq), f"follows {last_seq} at {last_system}")
        last_seq, last_system = tx.seq, tx.system
    every: tuple[tuple[str, Any], ...] = (
        ("record", tables.records), ("claim", tables.claims), ("version", tables.versions),
        ("relation claim", tables.relation_claims), ("relation", tables.edges), ("identifier", tables.identifiers),
    )  # fmt: skip
    for name, table in every:
        young = sum(1 for row in table.values() if row.system_from > last_system and getattr(row, "level", 0) != OPEN)
        if young and last_seq:
            yield Finding("row of no commit", name, f"{young} rows are younger than the latest commit")
