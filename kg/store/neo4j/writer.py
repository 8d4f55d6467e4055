"""Applies a Delta inside the transaction that its Reading read from: rows that end move aside, new ones come."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kg.model.changes import RecordKey
from kg.model.intervals import OPEN
from kg.model.rows import ClaimRow
from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.folding import Folding
from kg.store.neo4j.layout import using
from kg.store.neo4j.present import KEEPING_RECORD, Present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kg.model.changes import Source
    from kg.model.rows import EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.store.commit.rows import Delta, Ops
    from kg.store.neo4j.clock import Ticks
    from kg.store.neo4j.held import Held
    from kg.store.neo4j.values import Shapes
    from kg.store.neo4j.work import Work

_NAMES: Final = 1000
"""Names on one note of what changed."""


class Writer:
    """One transaction's writing. It numbers rows, and moves the Clock's valid range, `split` and `moved` in
    `ticks`."""

    def __init__(self, work: Work, shapes: Shapes, ticks: Ticks) -> None:
        self.work = work
        self.shapes = shapes
        self.layout = shapes.layout
        self.ticks = ticks
        self.present = Present(work, shapes.layout, ticks)

    async def apply(self, delta: Delta, held: Held) -> None:
        """What parts ways, then closes and narrows, then inserts. `held`: where the rows lie that the planner read."""
        folding = Folding(self.work, self.layout, held)
        await folding.loosen(delta)
        await self.sources(delta.sources)
        for ops in (delta.records, delta.claims, delta.versions, delta.relation_claims, delta.edges, delta.identifiers):
            self._number(ops.insert)
        shown = {id(row): self.present.holds(row) for row in delta.versions.insert}
        records, claims, relation_claims = folding.lay(delta, shown)
        for each in (delta.records, delta.claims, delta.relation_claims, delta.identifiers):
            await self._change(each, delta.system, held)
        await self.present.change(delta, held)
        await self.records(records, numbered=True)
        await self.claims(claims, numbered=True)
        await self.relation_claims(relation_claims, numbered=True)
        await self.identifiers(delta.identifiers.insert, numbered=True)
        await self.versions(delta.versions.insert, folding, numbered=True)
        await self.edges(delta.edges.insert, folding, numbered=True)
        await self._changed(("", delta.system, row.entity) for row in delta.versions.close)
        await self._changed((row.relation, delta.system, row.edge) for row in delta.edges.close)
        await self._bookkeeping(delta.claims, held)
        await self._bookkeeping(delta.relation_claims, held)

    async def _changed(self, what: Iterable[tuple[str, int, str]]) -> None:
        """Note (relation or "", system instant, id) of what rows were opened or closed: the feed."""
        found: dict[tuple[str, int], set[str]] = defaultdict(set)
        for relation, system, name in what:
            found[relation, system].add(name)
        notes = [
            (system, relation, some)
            for (relation, system), ids in sorted(found.items())
            for some in batches(sorted(ids), _NAMES)
        ]
        await self.work.send_each(f"CREATE (:`{names.CHANGED}` {{system: r[0], relation: r[1], names: r[2]}})", notes)

    def _number(self, rows: Iterable[Any]) -> None:
        """Give the rows their numbers, in order, and note whether levels divide them."""
        for row in rows:
            row.row = self.ticks.row
            self.ticks.row += 1
            if getattr(row, "level_from", 0) or getattr(row, "level_to", OPEN) != OPEN:
                self.ticks.split = True

    # ------------------------------------------------------------ rows of the store's own

    async def _change(self, ops: Ops[Any], system: int, held: Held) -> None:
        """Close and narrow nodes. A claim that lies on a row ends with it."""
        here, places = "MATCH (n) WHERE elementId(n) = r", held.places
        closed = [places[row.row] for row in ops.close if row.row not in held.twins]
        await self.work.send_each(f"{here} SET n.systemTo = $system", closed, system=system)
        narrowed = [(places[row.row], low or None, None if high == OPEN else high) for row, low, high in ops.narrow]
        await self.work.send_each(f"{here}[0] SET n._levelFrom = r[1], n._levelTo = r[2]", narrowed)
        if ops.narrow:
            self.ticks.split = True

    async def _bookkeeping(self, ops: Ops[Any], held: Held) -> None:
        groups: dict[tuple[bool, bool], list[tuple[str, list[int] | None]]] = defaultdict(list)
        for row, anchors in ops.anchors:
            on = row.row in held.twins
            groups[on, on and not isinstance(row, ClaimRow)].append((held.places[row.row], list(anchors) or None))
        for (on, relation), found in groups.items():
            match, key = "()-[n]->()" if relation else "(n)", "_anchors" if on else "anchors"
            await self.work.send_each(f"MATCH {match} WHERE elementId(n) = r[0] SET n.{key} = r[1]", found)
        affirmed = []
        for row, run in ops.affirm:
            relates = not isinstance(row, ClaimRow)
            key = row.line if relates else values.record_key(RecordKey(row.source, row.local))
            affirmed.append((row.row, run, self.ticks.row, key, relates))
            self.ticks.row += 1
        await self.work.send_each(
            f"MERGE (a:`{names.AFFIRMATION}` {{claim: r[0], run: r[1]}}) "
            "ON CREATE SET a._row = r[2], a.key = r[3], a.relation = r[4]",
            affirmed,
        )

    async def sources(self, sources: Iterable[Source]) -> None:
        await self.work.send_each(
            f"MERGE (n:`{names.SOURCE}` {{id: r.id}}) SET n = r",
            [
                {"id": s.id, "label": s.label, "priority": s.priority, "level": s.level, "timezone": s.timezone}
                for s in sources
            ],
        )

    async def _nodes(self, label: str, rows: Sequence[Any], of: Callable[[Any], dict[str, Any]]) -> None:
        await self.work.send_each(f"CREATE (n:`{label}`) SET n = r", [of(row) for row in rows])

    async def records(self, rows: Sequence[RecordRow], *, numbered: bool = False) -> None:
        if not numbered:
            self._number(rows)
        self.ticks.moved = self.ticks.moved or any(row.home != row.entity for row in rows)
        await self._nodes(names.RECORD, rows, values.record)

    async def identifiers(self, rows: Sequence[IdentifierRow], *, numbered: bool = False) -> None:
        if not numbered:
            self._number(rows)
        await self._nodes(names.IDENTIFIER, rows, values.identifier)

    async def claims(self, rows: Sequence[ClaimRow], *, numbered: bool = False) -> None:
        if not numbered:
            self._number(rows)
        await self._nodes(names.CLAIM, rows, values.claim)

    async def relation_claims(self, rows: Sequence[RelationClaimRow], *, numbered: bool = False) -> None:
        if not numbered:
            self._number(rows)
        plain = [row for row in rows if not row.references]
        await self._nodes(names.RELATION_CLAIM, plain, values.relation_claim)
        referring = [
            (values.relation_claim(row), sorted({values.record_key(key) for key in row.references.values()}))
            for row in rows
            if row.references
        ]
        await self.work.send_each(
            f"CREATE (n:`{names.RELATION_CLAIM}`) SET n = r[0] "
            f"FOREACH (key IN r[1] | CREATE (:`{names.REFERENCE}` {{record: key}})-[:`{names.REFERRED_BY}`]->(n))",
            referring,
        )

    # ------------------------------------------------------------ versions and relations

    async def versions(
        self, rows: Sequence[VersionRow], folding: Folding | None = None, *, numbered: bool = False
    ) -> None:
        if not numbered:
            self._number(rows)
        notes: Mapping[int, dict[str, Any]] = folding.versions if folding else {}
        records: Mapping[str, dict[str, Any]] = folding.records if folding else {}
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            shown = self.shapes.version(row)
            if id(row) in notes:
                shown |= notes[id(row)]
            columns = self.layout.columns(row.cls)
            if not self.present.holds(row):
                groups["state", row.cls].append((row.entity, *map(shown.get, columns)))
            elif row.entity in records:
                shown |= records[row.entity]
                groups["new", row.cls].append(tuple(map(shown.get, columns)))
            else:
                groups["present", row.cls].append((row.entity, shown))
        for (kind, cls), found in sorted(groups.items()):
            known = f"MERGE (e:`{names.ENTITY}` {{id: r[0]}})"
            if kind == "new":
                made = self.layout.values(cls)
                await self.work.send_each(f"CREATE (e:`{names.ENTITY}`{self.layout.labels(cls)} {made})", found)
            elif kind == "present":
                await self.work.send_each(
                    f"{known} SET e{self.layout.labels(cls)} WITH e, r[1] AS m SET e = m{KEEPING_RECORD}", found
                )
            else:
                made = self.layout.values(cls, 1)
                await self.work.send_each(
                    f"{known} CREATE (e)-[:`{names.HAS_STATE}`]->(s{self.layout.state_labels(cls)} {made})", found
                )
        await self._changed(("", at, row.entity) for row in rows for at in _instants(row))
        await self.present.boundaries(rows)

    async def edges(self, rows: Sequence[EdgeRow], folding: Folding | None = None, *, numbered: bool = False) -> None:
        if not numbered:
            self._number(rows)
        notes: Mapping[int, dict[str, Any]] = folding.edges if folding else {}
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            shown = self.shapes.edge(row)
            if id(row) in notes:
                shown |= notes[id(row)]
            kind = self.layout.relation if self.present.holds(row) else self.layout.state_relation
            columns = self.layout.columns(row.relation)
            groups[row.relation, kind(row.relation)].append((row.start, row.end, *map(shown.get, columns)))
        for (relation, kind_), found in sorted(groups.items()):
            await self.work.send_each(
                f"MATCH (a:`{names.ENTITY}` {{id: r[0]}}) {using('a', names.ENTITY, 'id')} "
                f"MATCH (b:`{names.ENTITY}` {{id: r[1]}}) {using('b', names.ENTITY, 'id')} "
                f"CREATE (a)-[s:{kind_} {self.layout.values(relation, 2)}]->(b)",
                found,
            )
        await self._changed((row.relation, at, row.edge) for row in rows for at in _instants(row))
        await self.present.boundaries(rows)


def _instants(row: VersionRow | EdgeRow) -> tuple[int, ...]:
    """System instants at which the row was opened and closed."""
    return (row.system_from,) if row.system_to == OPEN else (row.system_from, row.system_to)
