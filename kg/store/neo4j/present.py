"""The present: what is known now, of level 0, and valid at the Clock's pivot lies on the entity itself, and in
relations of the ontology's own names; all other rows lie beside it. Rows move when that changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kg.model.intervals import MIN, OPEN
from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j.folding import Folding
from kg.store.neo4j.held import Held
from kg.store.neo4j.layout import using
from kg.store.neo4j.work import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.model.rows import EdgeRow, VersionRow
    from kg.store.commit.rows import Delta
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.work import Work

KEEPING_RECORD: Final = f"{{.*, {', '.join(f'{key}: e.{key}' for key in names.OF_RECORD)}}}"
"""After a map: with what an entity `e` says of its record."""
_ALONE: Final = f"{{id: e.id, {', '.join(f'{key}: e.{key}' for key in names.OF_RECORD)}}}"
_ASIDE: Final = (
    f"e{{.*, {names.RECORD_ROW}: null, {names.RECORD_FROM}: null, "
    f"{names.RECORD_KEY}: CASE WHEN e.{names.CLAIM_ROW} IS NULL THEN null ELSE e.{names.RECORD_KEY} END}}"
)
HELD: Final = "s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 AND s.validFrom <= $pivot AND s.validTo > $pivot"
"""Test: the row `s` is of the present."""
_CHANGE: Final = "SET s.systemTo = r[1], s._levelFrom = r[2], s._levelTo = r[3]"


class Present:
    """The present of one transaction, and the Clock's valid range in `ticks`."""

    def __init__(self, work: Work, layout: Layout, ticks: Ticks) -> None:
        self.work = work
        self.layout = layout
        self.ticks = ticks

    def holds(self, row: VersionRow | EdgeRow) -> bool:
        """Whether the row is (part of) the present: known now, of level 0, valid at the pivot."""
        return (
            row.system_to == OPEN and not row.level_from and row.valid_from <= self.ticks.pivot < row.valid_to
        )  # fmt: skip

    # ------------------------------------------------------------ rows that end, or that fewer see

    async def change(self, delta: Delta, held: Held) -> None:
        """Close and narrow versions and relations. What leaves the present goes aside."""
        if delta.versions.narrow or delta.edges.narrow:
            self.ticks.split = True
        await self._versions(delta, held)
        await self._edges(delta, held)

    async def _versions(self, delta: Delta, held: Held) -> None:
        follows = {(row.entity, row.cls) for row in delta.versions.insert if self.holds(row)}
        there, leaving = _changes(delta.versions, delta.system, held)
        await self.work.send_each(f"MATCH (s) WHERE elementId(s) = r[0] {_CHANGE}", there)
        aside: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        for row, change in leaving:
            aside[row.cls, (row.entity, row.cls) in follows].append(change)
        for (cls, followed), changes in sorted(aside.items()):
            await self._set_aside(cls, changes, _CHANGE, followed=followed)

    async def _set_aside(self, cls: str, rows: Sequence[Any], change: str = "", *, followed: bool = False) -> None:
        """Versions (element ids of entities first) go aside. `followed`: others come in their places."""
        gone = "" if followed else f"REMOVE e{self.layout.labels(cls)} SET e = {_ALONE}"
        await self.work.send_each(
            f"MATCH (e) WHERE elementId(e) = r[0] "
            f"CREATE (e)-[:`{names.HAS_STATE}`]->(s{self.layout.state_labels(cls)}) SET s = {_ASIDE} {change} {gone}",
            rows,
        )

    async def _edges(self, delta: Delta, held: Held) -> None:
        there, leaving = _changes(delta.edges, delta.system, held)
        await self.work.send_each(f"MATCH ()-[s]->() WHERE elementId(s) = r[0] {_CHANGE}", there)
        aside: dict[str, list[Any]] = defaultdict(list)
        for row, change in leaving:
            aside[row.relation].append(change)
        for relation, rows in sorted(aside.items()):
            await self.work.send_each(
                f"MATCH (a)-[h]->(b) WHERE elementId(h) = r[0] "
                f"CREATE (a)-[s:{self.layout.state_relation(relation)}]->(b) "
                f"SET s = properties(h) {_CHANGE} DELETE h",
                rows,
            )

    # ------------------------------------------------------------ what begins and ends by itself

    async def boundaries(self, rows: Iterable[VersionRow | EdgeRow]) -> None:
        """Note where the rows' valid intervals begin and end: before the pivot as a bound, after it as a node."""
        ticks = self.ticks
        ahead: set[tuple[int, str, str]] = set()
        for row in rows:
            if row.system_to != OPEN or row.level_from:
                continue
            for instant in (row.valid_from, row.valid_to):
                if instant in {MIN, OPEN}:
                    continue
                if instant <= ticks.pivot:
                    ticks.held_from = max(ticks.held_from, instant)
                else:
                    ticks.held_to = min(ticks.held_to, instant)
                    relation = getattr(row, "relation", "")
                    ahead.add((instant, relation, row.edge if relation else row.entity))  # type: ignore[union-attr]
        await self.work.send_each(
            f"CREATE (:`{names.BOUNDARY}` {{at: r[0], relation: r[1], id: r[2]}})", [list(one) for one in sorted(ahead)]
        )

    async def advance(self, pivot: int) -> bool:
        """Move the pivot forward, and rows into the present and out of it that begin or end on the way; whether any
        may have moved."""
        ticks = self.ticks
        ticks.pivot = max(ticks.pivot, pivot)
        if ticks.pivot < ticks.held_to:
            return False
        due = await self.work.rows(
            f"MATCH (b:`{names.BOUNDARY}`) {using('b', names.BOUNDARY, 'at')} WHERE b.at <= $pivot "
            "WITH b.at AS at, b.relation AS relation, b.id AS id, b "
            "DELETE b RETURN at, relation, id",
            pivot=ticks.pivot,
        )
        ticks.held_from = max([ticks.held_from, *(at for at, _, _ in due)])
        found = await self.work.rows(
            f"MATCH (b:`{names.BOUNDARY}`) {using('b', names.BOUNDARY, 'at')} WHERE b.at > $at "
            "RETURN b.at AS at ORDER BY at LIMIT 1",
            at=ticks.pivot,
        )
        ticks.held_to = found[0][0] if found else OPEN
        await self._refresh_entities(sorted({id_ for _, relation, id_ in due if not relation}))
        edges: dict[str, set[str]] = defaultdict(set)
        for _, relation, edge in due:
            if relation:
                edges[relation].add(edge)
        for relation, wanted in sorted(edges.items()):
            await self._refresh_relations(relation, sorted(wanted))
        return True

    async def _refresh_entities(self, ids: Sequence[str]) -> None:
        """Out of the present what has ended, then into it what has begun."""
        for some in batches(ids, BATCH):
            ended = await self.work.rows(
                f"UNWIND $ids AS id MATCH (s:`{names.ENTITY}` {{id: id}}) {using('s', names.ENTITY, 'id')} "
                f"WHERE s._row IS NOT NULL AND NOT ({HELD}) RETURN s.class, elementId(s)",
                ids=some, pivot=self.ticks.pivot,
            )  # fmt: skip
            out: dict[str, list[tuple[str]]] = defaultdict(list)
            for cls, place in ended:
                out[cls].append((place,))
            for cls, places in sorted(out.items()):
                await self._set_aside(cls, places)
            await self._begin(some)

    async def _begin(self, ids: Sequence[str]) -> None:
        begun = await self.work.rows(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
            f"MATCH (e)-[:`{names.HAS_STATE}`]->(s) WHERE {HELD} "
            f"RETURN s.class, elementId(s), s.{names.CLAIM_ROW} IS NOT NULL "
            f"AND s.{names.RECORD_KEY} <> coalesce(e.{names.RECORD_KEY}, ''), properties(s)",
            ids=ids, pivot=self.ticks.pivot,
        )  # fmt: skip
        held = Held()
        for _, place, apart, found in begun:
            if apart:  # of another record than the entity's own: it cannot lie there
                held.see("", place, found, present=False)
        await Folding(self.work, self.layout, held).part(sorted(held.raw))
        come: dict[str, list[str]] = defaultdict(list)
        for cls, place, *_ in begun:
            come[cls].append(place)
        for cls, places in sorted(come.items()):
            await self.work.send_each(
                f"MATCH (s) WHERE elementId(s) = r MATCH (e)-[:`{names.HAS_STATE}`]->(s) "
                f"SET e{self.layout.labels(cls)}, e = s{KEEPING_RECORD} DETACH DELETE s",
                places,
            )

    async def _refresh_relations(self, relation: str, edges: Sequence[str]) -> None:
        """The same for relations of one type."""
        present, other = self.layout.relation_types(relation)
        for kind, into, test in ((present, other, f"NOT ({HELD})"), (other, present, HELD)):
            await self.work.send_each(
                f"MATCH (a)-[s:{kind} {{edge: r}}]->(b) {using('s', kind, 'edge')} WHERE {test} "
                f"CREATE (a)-[n:{into}]->(b) SET n = properties(s) DELETE s",
                edges, pivot=self.ticks.pivot,
            )  # fmt: skip


def _changes(ops: Any, system: int, held: Held) -> tuple[list[Any], list[tuple[Any, Any]]]:
    """(element id, systemTo, levelFrom, levelTo) of rows that are closed or narrowed, null where an end is open: of
    those that stay where they lie, and beside their rows of those that leave the present."""
    there: list[Any] = []
    leaving: list[tuple[Any, Any]] = []
    bounds: list[tuple[Any, int | None, int, int]] = [(row, system, row.level_from, row.level_to) for row in ops.close]
    bounds += [(row, None, low, high) for row, low, high in ops.narrow]
    for row, ended, low, high in bounds:
        change = (held.places[row.row], ended, low or None, None if high == OPEN else high)
        if row.row in held.present and (ended is not None or low):
            leaving.append((row, change))
        else:
            there.append(change)
    return there, leaving
