"""The present: what is known now, of level 0, and valid at the Clock's pivot lies on the entity itself, and in
relations of the ontology's own names; all other rows lie beside it. Rows move when that changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kg.model.intervals import MIN, OPEN
from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j.folding import BATCH, Folding
from kg.store.neo4j.held import Held
from kg.store.neo4j.layout import using

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.model.rows import EdgeRow, VersionRow
    from kg.store.commit.rows import Delta
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.work import Work

_OF_RECORD: Final = (names.RECORD_KEY, names.RECORD_ROW, names.RECORD_FROM)
KEEPING_RECORD: Final = f"{{.*, {', '.join(f'{key}: e.{key}' for key in _OF_RECORD)}}}"
"""After a map: with what an entity `e` says of its record."""
_ALONE: Final = f"{{id: e.id, {', '.join(f'{key}: e.{key}' for key in _OF_RECORD)}}}"
_ASIDE: Final = (
    f"e{{.*, {names.RECORD_ROW}: null, {names.RECORD_FROM}: null, "
    f"{names.RECORD_KEY}: CASE WHEN e.{names.CLAIM_ROW} IS NULL THEN null ELSE e.{names.RECORD_KEY} END}}"
)
_HELD: Final = "s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 AND s.validFrom <= $pivot AND s.validTo > $pivot"


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

    async def _each(self, text: str, rows: Sequence[Any], **more: Any) -> None:
        for found in batches(rows, BATCH):
            await self.work.send(f"UNWIND $rows AS r {text}", rows=found, **more)

    # ------------------------------------------------------------ rows that end, or that fewer see

    async def change(self, delta: Delta, held: Held) -> None:
        """Close and narrow versions and relations. What leaves the present goes aside."""
        if delta.versions.narrow or delta.edges.narrow:
            self.ticks.split = True
        await self._versions(delta, held)
        await self._edges(delta, held)

    async def _versions(self, delta: Delta, held: Held) -> None:
        follows = {(row.entity, row.cls) for row in delta.versions.insert if self.holds(row)}
        aside: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        there: list[Any] = []
        for row, change in _changes(delta.versions, delta.system):
            if row.row in held.present and (change[0] is not None or change[1]):
                aside[row.cls, (row.entity, row.cls) in follows].append((held.places[row.row], *change))
            else:
                there.append((held.places[row.row], *change))
        await self._each(f"MATCH (s) WHERE elementId(s) = r[0] {_set('s')}", there)
        for (cls, followed), rows in sorted(aside.items()):
            gone = "" if followed else f" REMOVE e{self.layout.labels(cls)} SET e = {_ALONE}"
            await self._each(
                f"MATCH (e) WHERE elementId(e) = r[0] "
                f"CREATE (e)-[:`{names.HAS_STATE}`]->(s{self.layout.state_labels(cls)}) SET s = {_ASIDE} "
                f"{_set('s')}{gone}",
                rows,
            )

    async def _edges(self, delta: Delta, held: Held) -> None:
        aside: dict[str, list[Any]] = defaultdict(list)
        there: list[Any] = []
        for row, change in _changes(delta.edges, delta.system):
            if row.row in held.present and (change[0] is not None or change[1]):
                aside[row.relation].append((held.places[row.row], *change))
            else:
                there.append((held.places[row.row], *change))
        await self._each(f"MATCH ()-[s]->() WHERE elementId(s) = r[0] {_set('s')}", there)
        for relation, rows in sorted(aside.items()):
            await self._each(
                f"MATCH (a)-[h]->(b) WHERE elementId(h) = r[0] "
                f"CREATE (a)-[s:{self.layout.state_relation(relation)}]->(b) "
                f"SET s = properties(h) {_set('s')} DELETE h",
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
        await self._each(
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
                f"WHERE s._row IS NOT NULL AND NOT ({_HELD}) RETURN s.class, elementId(s)",
                ids=some, pivot=self.ticks.pivot,
            )  # fmt: skip
            out: dict[str, list[str]] = defaultdict(list)
            for cls, place in ended:
                out[cls].append(place)
            for cls, places in sorted(out.items()):
                await self._each(
                    f"MATCH (e) WHERE elementId(e) = r "
                    f"CREATE (e)-[:`{names.HAS_STATE}`]->(s{self.layout.state_labels(cls)}) SET s = {_ASIDE} "
                    f"REMOVE e{self.layout.labels(cls)} SET e = {_ALONE}",
                    places,
                )
            await self._begin(some)

    async def _begin(self, ids: Sequence[str]) -> None:
        begun = await self.work.rows(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
            f"MATCH (e)-[:`{names.HAS_STATE}`]->(s) WHERE {_HELD} "
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
            await self._each(
                f"MATCH (s) WHERE elementId(s) = r MATCH (e)-[:`{names.HAS_STATE}`]->(s) "
                f"SET e{self.layout.labels(cls)}, e = s{KEEPING_RECORD} DETACH DELETE s",
                places,
            )

    async def _refresh_relations(self, relation: str, edges: Sequence[str]) -> None:
        """The same for relations of one type."""
        present, other = self.layout.relation(relation), self.layout.state_relation(relation)
        for kind, into, test in ((present, other, f"NOT ({_HELD})"), (other, present, _HELD)):
            await self._each(
                f"MATCH (a)-[s:{kind} {{edge: r}}]->(b) {using('s', kind, 'edge')} WHERE {test} "
                f"CREATE (a)-[n:{into}]->(b) SET n = properties(s) DELETE s",
                edges, pivot=self.ticks.pivot,
            )  # fmt: skip


def _changes(ops: Any, system: int) -> Iterable[tuple[Any, tuple[int | None, int | None, int | None]]]:
    """(row, (systemTo, levelFrom, levelTo)) of rows that are closed or narrowed; None leaves an end open."""
    for row in ops.close:
        low, high = row.level_from or None, None if row.level_to == OPEN else row.level_to
        yield row, (system, low, high)
    for row, low, high in ops.narrow:
        yield row, (None, low or None, None if high == OPEN else high)


def _set(alias: str) -> str:
    return f"SET {alias}.systemTo = r[1], {alias}._levelFrom = r[2], {alias}._levelTo = r[3]"
