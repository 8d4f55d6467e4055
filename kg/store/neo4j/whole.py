"""All rows of the graph, one after the other: for backups, for `check`, and back from an archive."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from heapq import merge
from typing import TYPE_CHECKING, Any, Final

from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.clock import ANNOUNCE
from kg.store.neo4j.commit import RESTORING, publish, turn
from kg.store.neo4j.receipts import COMMITS, commits_of, counts_text, receipt_text
from kg.store.neo4j.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.model.changes import Source
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.archive import Archive
    from kg.store.neo4j.commit import Turn
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.values import Shapes
    from kg.store.neo4j.work import Work
    from kg.store.tables import TxRow

_FETCH: Final = 5000
_AT_ONCE: Final = 8000
"""Rows in one transaction of a restore."""
_IN_ORDER: Final = "ORDER BY n.systemFrom, n._row"


class GraphRows:
    """`kg.store.archive.Archived` over one transaction that holds the Clock's lock, so that nothing changes beneath it.
    Rows come in the order of their system instants. To be read on another thread than the event loop's."""

    def __init__(self, work: Work, layout: Layout, pruned: int) -> None:
        self._work = work
        self.layout = layout
        self.pruned_before = pruned

    def _stream(self, text: str, **parameters: Any) -> Iterator[list[Any]]:
        """Rows of a statement, fetched a few thousand at a time."""
        result = asyncio.run_coroutine_threadsafe(self._work.tx.run(text, parameters), self._work.loop).result()
        while True:
            found = asyncio.run_coroutine_threadsafe(result.fetch(_FETCH), self._work.loop).result()
            for one in found:
                yield one.values()
            if len(found) < _FETCH:
                return

    def _nodes(self, label: str) -> Iterator[Any]:
        for (found,) in self._stream(f"MATCH (n:`{label}`) RETURN properties(n) {_IN_ORDER}"):
            yield found

    def _versions(self, where: str) -> Iterator[Any]:
        for (found,) in self._stream(
            f"MATCH (n:`{names.ENTITY}`|`{names.STATE}`) WHERE n.{where} IS NOT NULL RETURN properties(n) {_IN_ORDER}"
        ):
            yield found

    def _relations(self, where: str) -> Iterator[tuple[str, str, str, Any]]:
        types = "|".join(self.layout.row_relations(name) for name in self.layout.relations)
        if not types:
            return
        for kind, start, end, found in self._stream(
            f"MATCH (a)-[n:{types}]->(b) WHERE n.{where} IS NOT NULL "
            f"RETURN type(n), a.id, b.id, properties(n) {_IN_ORDER}"
        ):
            yield kind.removeprefix(f"{names.STATE}_"), start, end, found

    @property
    def sources(self) -> dict[str, Source]:
        return {s["id"]: values.source_of(s) for (s,) in self._stream(f"MATCH (n:`{names.SOURCE}`) RETURN n{{.*}}")}

    @property
    def records(self) -> Iterator[RecordRow]:
        on = self._stream(
            f"MATCH (n:`{names.ENTITY}`) WHERE n.{names.RECORD_KEY} IS NOT NULL "
            f"RETURN {names.RECORD_ON} ORDER BY n.{names.RECORD_FROM}, n.{names.RECORD_ROW}"
        )
        return _in_order(map(values.record_row, self._nodes(names.RECORD)), (values.record_on(*n) for n in on))

    @property
    def claims(self) -> Iterator[ClaimRow]:
        on = map(values.claim_on, self._versions(names.CLAIM_ROW))
        return _in_order(map(values.claim_row, self._nodes(names.CLAIM)), on)

    @property
    def versions(self) -> Iterator[VersionRow]:
        return map(values.version_of, self._versions(names.ROW))

    @property
    def relation_claims(self) -> Iterator[RelationClaimRow]:
        on = (values.relation_claim_on(name, found) for name, _, _, found in self._relations(names.CLAIM_ROW))
        return _in_order(map(values.relation_claim_row, self._nodes(names.RELATION_CLAIM)), on)

    @property
    def edges(self) -> Iterator[EdgeRow]:
        for name, start, end, found in self._relations(names.ROW):
            yield values.edge_of(name, start, end, found)

    @property
    def identifiers(self) -> Iterator[IdentifierRow]:
        return map(values.identifier_row, self._nodes(names.IDENTIFIER))

    @property
    def tx(self) -> Iterator[TxRow]:
        return commits_of(self._stream(COMMITS, after=0, limit=2**62))

    @property
    def affirmed(self) -> dict[tuple[bool, int], list[str]]:
        out: dict[tuple[bool, int], list[str]] = defaultdict(list)
        for relation, row, run in self._stream(
            f"MATCH (a:`{names.AFFIRMATION}`) RETURN a.relation, a.claim, a.run ORDER BY a._row"
        ):
            out[relation, row].append(run)
        return out

    @property
    def earlier(self) -> tuple[Schema, ...]:
        return self.layout.earlier

    @property
    def erased(self) -> Iterator[dict[str, Any]]:
        for (found,) in self._stream(f"MATCH (n:`{names.TOMBSTONE}`) RETURN n{{.*}} ORDER BY n.seq"):
            yield {name: found[name] for name in ("seq", "system", "entity", "property", "reason", "author")}


def _in_order(*rows: Iterator[Any]) -> Iterator[Any]:
    """Streams that are each in the order of their system instants, as one."""
    return merge(*rows, key=lambda row: (row.system_from, row.row))


# ---------------------------------------------------------------- filling an empty store


async def _empty(link: Link) -> None:
    """Take away what a restore that did not end left behind. For a store without any commit."""
    for label in (
        names.ENTITY, names.STATE, names.RECORD, names.CLAIM, names.RELATION_CLAIM, names.REFERENCE, names.IDENTIFIER,
        names.AFFIRMATION, names.BOUNDARY, names.CHANGED, names.SOURCE, names.TOMBSTONE, names.KEY,
    ):  # fmt: skip
        while await link.write(f"MATCH (n:`{label}`) WITH n LIMIT 10000 DETACH DELETE n RETURN 1 LIMIT 1"):
            pass


class Filling:
    """An archive into an empty store, in many transactions; readers see it with the last one, which has the commits.

    `pivot`: the valid instant that the present is to be a copy of.
    """

    def __init__(self, link: Link, shapes: Shapes, archive: Archive, pivot: int) -> None:
        self.link = link
        self.shapes = shapes
        self.archive = archive
        self.pivot = pivot
        self.numbers: dict[bool, dict[int, int]] = {False: {}, True: {}}

    async def run(self) -> None:
        async with turn(self.link, restoring=True) as mine:
            mine.ticks.attempt = RESTORING
            await mine.commit(attempt="", visible=False)
        # Nobody reads until the end: this announcement is not taken back, nor followed by anybody's facts.
        await self.link.write(ANNOUNCE, {"epoch": mine.ticks.epoch + 1})
        await _empty(self.link)
        for kind in ("records", "claims", "relation_claims", "versions", "edges", "identifiers"):
            rows = batches(self.archive.rows(kind), _AT_ONCE)
            while found := await asyncio.to_thread(next, rows, None):
                async with turn(self.link, restoring=True) as mine:
                    await self._rows(self._writer(mine), kind, found)
                    await mine.commit(attempt="", visible=False)
        async with turn(self.link, restoring=True) as mine:
            await self._rest(mine)
            await mine.commit(attempt="", visible=True)
        await publish(self.link, mine.ticks)

    def _writer(self, mine: Turn) -> Writer:
        mine.ticks.pivot = max(mine.ticks.pivot, self.pivot)
        return Writer(mine.work, self.shapes, mine.ticks)

    async def _rows(self, writer: Writer, kind: str, rows: list[Any]) -> None:
        old = [row.row for row in rows]
        await getattr(writer, kind)(rows)
        if kind in {"claims", "relation_claims"}:
            self.numbers[kind == "relation_claims"].update(zip(old, (row.row for row in rows), strict=True))

    async def _rest(self, mine: Turn) -> None:
        work, ticks = mine.work, mine.ticks
        await self._writer(mine).sources(self.archive.sources())
        for tx in self.archive.rows("tx"):
            await self._tx(work, tx)
            ticks.system, ticks.seq = tx.system, tx.seq
        affirmed: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for relation, row, runs in self.archive.affirmed():
            for run in runs if row in self.numbers[relation] else ():
                affirmed[self.numbers[relation][row]].append((run, ticks.row))
                ticks.row += 1
        for label, key in ((names.CLAIM, "record"), (names.RELATION_CLAIM, "line")):
            await work.rows(
                f"MATCH (n:`{label}`) WHERE n._row IN $rows UNWIND $runs[toString(n._row)] AS r "
                f"CREATE (:`{names.AFFIRMATION}` {{claim: n._row, run: r[0], _row: r[1], key: n.{key}, "
                "relation: $relation})",
                rows=list(affirmed), runs={str(row): runs for row, runs in affirmed.items()},
                relation=label == names.RELATION_CLAIM,
            )  # fmt: skip
        for entry in self.archive.erased():
            await work.rows(f"CREATE (n:`{names.TOMBSTONE}`) SET n = $entry", entry=entry)
        ticks.pruned = max(ticks.pruned, self.archive.pruned_before)

    @staticmethod
    async def _tx(work: Work, tx: TxRow) -> None:
        await work.rows(
            f"CREATE (t:`{names.TX}`) SET t = $tx",
            tx={
                "seq": tx.seq, "system": tx.system, "run": tx.run, "author": tx.author, "reason": tx.reason,
                "kind": "commit", "counts": counts_text(tx.receipt), "attempt": "",
            },
        )  # fmt: skip
        if tx.key:
            await work.rows(
                f"MERGE (k:`{names.KEY}` {{key: $key}}) SET k.hash = $hash, k.receipt = $receipt, "
                "k.system = $system, k.recorded = $recorded",
                key=tx.key, hash=tx.content, receipt=receipt_text(tx.receipt), system=tx.system, recorded=tx.recorded,
            )  # fmt: skip
