"""Applies a Delta inside the transaction that its Reading read from: all rows ever, and the present beside them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kg.model.intervals import MIN, OPEN
from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.layout import using

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kg.model.changes import Source
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.store.commit.rows import Delta, Ops
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.reading import Work
    from kg.store.neo4j.values import Shapes

BATCH: Final = 2000
"""Rows in one statement."""


class Writer:
    """One transaction's writing. It numbers rows, and moves the Clock's valid range, `split` and `moved` in
    `ticks`."""

    def __init__(self, work: Work, shapes: Shapes, ticks: Ticks) -> None:
        self.work = work
        self.shapes = shapes
        self.layout = shapes.layout
        self.ticks = ticks

    async def apply(self, delta: Delta, places: Mapping[int, str]) -> None:
        """Closes and narrows, then inserts, then the present. `places`: element ids of rows that the planner read."""
        await self.sources(delta.sources)
        for ops in (delta.records, delta.claims, delta.versions, delta.relation_claims, delta.identifiers):
            await self._change(ops, delta.system, places, "MATCH (n)")
        await self._change(delta.edges, delta.system, places, "MATCH ()-[n]->()")
        await self.records(delta.records.insert)
        await self.claims(delta.claims.insert)
        await self.relation_claims(delta.relation_claims.insert)
        await self.identifiers(delta.identifiers.insert)
        await self._leave(delta)
        await self.versions(delta.versions.insert)
        await self.edges(delta.edges.insert)
        for claims in (delta.claims, delta.relation_claims):
            await self._bookkeeping(claims, places)

    def number(self, rows: Iterable[Any]) -> None:
        """Give the rows their numbers, in order."""
        for row in rows:
            row.row = self.ticks.row
            self.ticks.row += 1

    async def _each(self, text: str, rows: Sequence[Any], **more: Any) -> None:
        for found in batches(rows, BATCH):
            await self.work.send(f"UNWIND $rows AS r {text}", rows=found, **more)

    # ------------------------------------------------------------ rows that are there

    async def _change(self, ops: Ops[Any], system: int, places: Mapping[int, str], match: str) -> None:
        here = f"{match} WHERE elementId(n) = r"
        await self._each(f"{here} SET n.systemTo = $system", [places[row.row] for row in ops.close], system=system)
        narrowed = [(places[row.row], low or None, None if high == OPEN else high) for row, low, high in ops.narrow]
        await self._each(f"{here}[0] SET n._levelFrom = r[1], n._levelTo = r[2]", narrowed)
        if ops.narrow:
            self.ticks.split = True

    async def _bookkeeping(self, ops: Ops[Any], places: Mapping[int, str]) -> None:
        await self._each(
            "MATCH (n) WHERE elementId(n) = r[0] SET n.anchors = r[1]",
            [(places[row.row], list(anchors) or None) for row, anchors in ops.anchors],
        )
        affirmed = []
        for row, run in ops.affirm:
            affirmed.append((places[row.row], row.row, run, self.ticks.row))
            self.ticks.row += 1
        await self._each(
            f"MATCH (n) WHERE elementId(n) = r[0] MERGE (a:`{names.AFFIRMATION}` {{claim: r[1], run: r[2]}}) "
            f"ON CREATE SET a._row = r[3] MERGE (a)-[:`{names.AFFIRMS}`]->(n)",
            affirmed,
        )

    # ------------------------------------------------------------ rows of the store's own

    async def sources(self, sources: Iterable[Source]) -> None:
        await self._each(
            f"MERGE (n:`{names.SOURCE}` {{id: r.id}}) SET n = r",
            [
                {"id": s.id, "label": s.label, "priority": s.priority, "level": s.level, "timezone": s.timezone}
                for s in sources
            ],
        )

    async def _nodes(self, label: str, rows: Sequence[Any], of: Callable[[Any], dict[str, Any]]) -> None:
        await self._each(f"CREATE (n:`{label}`) SET n = r", [of(row) for row in rows])

    async def records(self, rows: Sequence[RecordRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        self.ticks.moved = self.ticks.moved or any(row.home != row.entity for row in rows)
        await self._nodes(names.RECORD, rows, values.record)

    async def identifiers(self, rows: Sequence[IdentifierRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        await self._nodes(names.IDENTIFIER, rows, values.identifier)

    async def claims(self, rows: Sequence[ClaimRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        await self._nodes(names.CLAIM, rows, values.claim)

    async def relation_claims(self, rows: Sequence[RelationClaimRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        plain = [row for row in rows if not row.references]
        await self._nodes(names.RELATION_CLAIM, plain, values.relation_claim)
        referring = [
            (values.relation_claim(row), sorted({values.record_key(key) for key in row.references.values()}))
            for row in rows
            if row.references
        ]
        await self._each(
            f"CREATE (n:`{names.RELATION_CLAIM}`) SET n = r[0] "
            f"FOREACH (key IN r[1] | CREATE (:`{names.REFERENCE}` {{record: key}})-[:`{names.REFERRED_BY}`]->(n))",
            referring,
        )

    def _take(self, rows: Sequence[Any], *, numbered: bool) -> None:
        if not numbered:
            self.number(rows)
        for row in rows:
            if getattr(row, "level_from", 0) or getattr(row, "level_to", OPEN) != OPEN:
                self.ticks.split = True

    # ------------------------------------------------------------ versions and relations

    def present(self, row: VersionRow | EdgeRow) -> bool:
        """Whether the row is (part of) the present: known now, of level 0, valid at the pivot."""
        return (
            row.system_to == OPEN and not row.level_from and row.valid_from <= self.ticks.pivot < row.valid_to
        )  # fmt: skip

    async def versions(self, rows: Sequence[VersionRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        groups: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        for row in rows:
            groups[row.cls, self.present(row)].append((row.entity, self.shapes.version(row)))
        for (cls, present), found in sorted(groups.items()):
            also = f", e = r[1], e._levelTo = null, e{self.layout.labels(cls)}" if present else ""
            await self._each(
                f"MERGE (e:`{names.ENTITY}` {{id: r[0]}}) "
                f"CREATE (e)-[:`{names.HAS_STATE}`]->(s{self.layout.state_labels(cls)}) SET s = r[1]{also}",
                sorted(found, key=lambda one: one[0]),
            )
        await self._boundaries(rows)

    async def edges(self, rows: Sequence[EdgeRow], *, numbered: bool = False) -> None:
        self._take(rows, numbered=numbered)
        groups: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        for row in rows:
            groups[row.relation, self.present(row)].append((row.start, row.end, self.shapes.edge(row)))
        for (relation, present), found in sorted(groups.items()):
            also = (
                f" CREATE (a)-[h:{self.layout.relation(relation)}]->(b) SET h = r[2], h._levelTo = null"
                if present
                else ""
            )
            await self._each(
                f"MATCH (a:`{names.ENTITY}` {{id: r[0]}}) {using('a', names.ENTITY, 'id')} "
                f"MATCH (b:`{names.ENTITY}` {{id: r[1]}}) {using('b', names.ENTITY, 'id')} "
                f"CREATE (a)-[s:{self.layout.state_relation(relation)}]->(b) SET s = r[2]{also}",
                sorted(found, key=lambda one: (one[0], one[1])),
            )
        await self._boundaries(rows)

    # ------------------------------------------------------------ the present

    async def _leave(self, delta: Delta) -> None:
        """Take away what closed or narrowed rows left in the present; what follows at once in its place stays."""
        gone = [*delta.versions.close, *(row for row, low, _ in delta.versions.narrow if low)]
        follows = {(row.entity, row.cls) for row in delta.versions.insert if self.present(row)}
        await self.leave_entities(
            [(row.cls, row.entity, row.row) for row in gone if (row.entity, row.cls) not in follows]
        )
        edges = [*delta.edges.close, *(row for row, low, _ in delta.edges.narrow if low)]
        await self.leave_relations([(row.relation, row.edge, row.row) for row in edges])

    async def leave_entities(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """(class, entity, row): where the entity shows that row, it is nothing now."""
        groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for cls, entity, row in rows:
            groups[cls].append((entity, row))
        for cls, found in sorted(groups.items()):
            await self._each(
                f"MATCH (e:`{names.ENTITY}` {{id: r[0]}}) {using('e', names.ENTITY, 'id')} WHERE e._row = r[1] "
                f"REMOVE e{self.layout.labels(cls)} SET e = {{id: e.id}}",
                sorted(found),
            )

    async def leave_relations(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """(relation, edge, row): where the present relation shows that row, it goes."""
        groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for relation, edge, row in rows:
            groups[relation].append((edge, row))
        for relation, found in sorted(groups.items()):
            await self._each(
                f"MATCH ()-[h:{self.layout.relation(relation)} {{edge: r[0]}}]->() "
                f"{using('h', self.layout.relation(relation), 'edge')} WHERE h._row = r[1] DELETE h",
                sorted(found),
            )

    async def _boundaries(self, rows: Iterable[VersionRow | EdgeRow]) -> None:
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

    async def advance(self, pivot: int) -> None:
        """Move the pivot forward and copy the present anew where something begins or ends on the way."""
        ticks = self.ticks
        ticks.pivot = max(ticks.pivot, pivot)
        if ticks.pivot < ticks.held_to:
            return
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
        await self.refresh_entities(sorted({id_ for _, relation, id_ in due if not relation}))
        edges: dict[str, set[str]] = defaultdict(set)
        for _, relation, edge in due:
            if relation:
                edges[relation].add(edge)
        for relation, wanted in sorted(edges.items()):
            await self.refresh_relations(relation, sorted(wanted))

    async def refresh_entities(self, ids: Sequence[str]) -> None:
        """Copy the present of these entities anew from their states."""
        for some in batches(ids, BATCH):
            found = await self.work.rows(
                f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
                f"OPTIONAL MATCH (e)-[:`{names.HAS_STATE}`]->(s) "
                "WHERE s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 "
                "AND s.validFrom <= $pivot AND s.validTo > $pivot "
                "RETURN id, e.class, e._row, s.class, s._row, elementId(s)",
                ids=some, pivot=self.ticks.pivot,
            )  # fmt: skip
            changed = [one for one in found if one[2] != one[4]]
            await self.leave_entities([(cls, id_, row) for id_, cls, row, *_ in changed if cls is not None])
            groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for id_, _, _, cls, row, state in changed:
                if row is not None:
                    groups[cls].append((id_, state))
            for cls, rows in sorted(groups.items()):
                await self._each(
                    f"MATCH (e:`{names.ENTITY}` {{id: r[0]}}) MATCH (s) WHERE elementId(s) = r[1] "
                    f"SET e = properties(s), e._levelTo = null, e{self.layout.labels(cls)}",
                    rows,
                )

    async def refresh_relations(self, relation: str, edges: Sequence[str]) -> None:
        """The same for relations of one type."""
        held, all_ = self.layout.relation(relation), self.layout.state_relation(relation)
        await self._each(f"MATCH ()-[h:{held} {{edge: r}}]->() {using('h', held, 'edge')} DELETE h", edges)
        await self._each(
            f"MATCH (a)-[s:{all_} {{edge: r}}]->(b) {using('s', all_, 'edge')} "
            "WHERE s.systemTo IS NULL AND coalesce(s._levelFrom, 0) = 0 "
            f"AND s.validFrom <= $pivot AND s.validTo > $pivot CREATE (a)-[h:{held}]->(b) "
            "SET h = properties(s), h._levelTo = null",
            edges, pivot=self.ticks.pivot,
        )  # fmt: skip
