"""What `check` looks at: in the present lies what holds at the pivot; commits; the rows' invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.model.intervals import MIN, OPEN
from kg.schema.types import ROOT_CLASS
from kg.store.archive import as_tables
from kg.store.base import Finding
from kg.store.invariants import check_tables
from kg.store.neo4j import layout as names
from kg.store.neo4j.present import HELD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.schema.types import Schema
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.whole import GraphRows
    from kg.store.neo4j.work import Work
    from kg.store.tables import Tables


async def present_findings(work: Work, layout: Layout, ticks: Ticks) -> list[Finding]:
    """Rows that lie on an entity, or in a present relation, and are not of the present; rows of the present that lie
    beside it; labels that are not of the class; boundaries that are missing."""
    out: list[Finding] = []
    alone = [names.ID, *names.OF_RECORD]
    labels = {cls: len(layout.labels(cls).split(":")) for cls in layout.schema.concrete(ROOT_CLASS)}
    for entity, shown in await work.rows(
        f"MATCH (s:`{names.ENTITY}`) WHERE NOT CASE WHEN s._row IS NULL "
        "THEN all(k IN keys(s) WHERE k IN $alone) AND size(labels(s)) = 1 "
        f"ELSE {HELD} AND size(labels(s)) = coalesce($labels[s.class], size(labels(s))) END "
        "RETURN s.id, properties(s)",
        pivot=ticks.pivot, alone=alone, labels=labels,
    ):  # fmt: skip
        out.append(Finding("what lies on an entity is not of the present", entity, str(shown)))
    for entity, row in await work.rows(
        f"MATCH (s:`{names.STATE}`) WHERE {HELD} RETURN s.id, s._row", pivot=ticks.pivot
    ):
        out.append(Finding("a row of the present lies beside it", entity, f"row {row}"))
    for relation in layout.relations:
        for kind, test in zip(layout.relation_types(relation), (f"NOT ({HELD})", HELD), strict=True):
            for edge, row in await work.rows(
                f"MATCH ()-[s:{kind}]->() WHERE {test} RETURN s.edge, s._row", pivot=ticks.pivot
            ):
                out.append(Finding("a relation lies where its row does not belong", edge, f"{kind} row {row}"))
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
    found = await work.rows(
        f"MATCH (s:`{names.STATE}`|`{names.ENTITY}`) WHERE {test} AND s._row IS NOT NULL RETURN s.id, s._row", **asked
    )
    for relation in layout.relations:
        found += await work.rows(
            f"MATCH ()-[s:{layout.row_relations(relation)}]->() WHERE {test} RETURN s.edge, s._row", **asked
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
