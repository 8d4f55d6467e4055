"""`Reading` over an open write transaction: one statement for many keys.

The planner is not asynchronous and runs on a thread; each question goes to the event loop that the driver lives in.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kg.model.changes import RecordKey
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.layout import current, using

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import neo4j

    from kg.model.changes import Source
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.store.commit.rows import Span
    from kg.store.neo4j.layout import Layout

_HELD = f"AND {current('n')}"


def _seek(label: str, *keys: str) -> str:
    """Nodes `n` whose first key is one of $keys."""
    return f"UNWIND $keys AS key MATCH (n:`{label}`) {using('n', label, *keys)} WHERE n.{keys[0]} = key"


class Work:
    """One open transaction: statements from the event loop, and questions from the planner's thread."""

    def __init__(self, tx: neo4j.AsyncTransaction) -> None:
        self.tx = tx
        self.loop = asyncio.get_running_loop()
        self._sent: list[neo4j.AsyncResult] = []

    async def rows(self, text: str, /, **parameters: Any) -> list[list[Any]]:
        await self.done()
        result = await self.tx.run(text, parameters)
        return await result.values()

    async def send(self, text: str, /, **parameters: Any) -> None:
        """A statement that gives no rows: the server works on it while the next one is made ready here.

        What is wrong with it is raised by whatever is asked or sent next, or by `done`.
        """
        self._sent.append(await self.tx.run(text, parameters))

    async def done(self) -> None:
        """All that was sent has happened."""
        while self._sent:
            await self._sent.pop(0).consume()

    async def commit(self) -> None:
        await self.done()
        await self.tx.commit()

    def ask(self, text: str, /, **parameters: Any) -> list[list[Any]]:
        """From another thread than the event loop's."""
        return asyncio.run_coroutine_threadsafe(self.rows(text, **parameters), self.loop).result()


class WriteReading:
    """`kg.store.commit.rows.Reading`. `places`: row id → element id of every row that was handed out."""

    def __init__(self, work: Work, layout: Layout) -> None:
        self.work = work
        self.layout = layout
        self.places: dict[int, str] = {}
        self._sources: dict[str, Source] | None = None

    def _nodes(self, text: str, /, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Properties of the nodes `n` that a statement matches."""
        # One record for all: a record each costs the driver more than what is in it.
        ((rows,),) = self.work.ask(f"{text} RETURN collect([elementId(n), properties(n)])", **parameters)
        for place, found in rows:
            self.places[found["_row"]] = place
            yield found

    def sources(self) -> Mapping[str, Source]:
        if self._sources is None:
            self._sources = {
                s["id"]: values.source_of(s)
                for (s,) in self.work.ask(f"MATCH (n:`{names.SOURCE}`) RETURN properties(n)")
            }
        return self._sources

    # ------------------------------------------------------------ entities

    def records(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordRow]]:
        out: dict[RecordKey, list[RecordRow]] = defaultdict(list)
        for found in self._nodes(f"{_seek(names.RECORD, 'record')} {_HELD}", keys=_keys(keys)):
            row = values.record_row(found)
            out[RecordKey(row.source, row.local)].append(row)
        return dict(out)

    def records_of(self, entities: Collection[str]) -> dict[str, list[RecordRow]]:
        out: dict[str, list[RecordRow]] = defaultdict(list)
        asked = sorted(entities)
        for side in ("entity", "home"):
            for found in self._nodes(f"{_seek(names.RECORD, side)} {_HELD}", keys=asked):
                out[found[side]].append(values.record_row(found))
        return dict(out)

    def claims(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[ClaimRow]]:
        return self._claims(keys, _HELD)

    def _claims(self, keys: Collection[RecordKey], held: str) -> dict[RecordKey, list[ClaimRow]]:
        out: dict[RecordKey, list[ClaimRow]] = defaultdict(list)
        for found in self._nodes(f"{_seek(names.CLAIM, 'record')} {held}", keys=_keys(keys)):
            row = values.claim_row(found)
            out[RecordKey(row.source, row.local)].append(row)
        return dict(out)

    def versions(self, entities: Collection[str]) -> dict[str, list[VersionRow]]:
        out: dict[str, list[VersionRow]] = defaultdict(list)
        for found in self._nodes(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}})-[:`{names.HAS_STATE}`]->(n) "
            f"{using('e', names.ENTITY, 'id')} WHERE {current('n')}",
            ids=sorted(entities),
        ):
            out[found["id"]].append(values.version_of(found))
        return dict(out)

    def spans(self, entities: Collection[str]) -> dict[str, list[Span]]:
        return {
            entity: [(r.row, r.valid_from, r.valid_to, r.level_from, r.level_to) for r in rows]
            for entity, rows in self.versions(entities).items()
        }

    def identifiers(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[IdentifierRow]]:
        out: dict[tuple[str, str], list[IdentifierRow]] = defaultdict(list)
        asked = [values.identifier_key(*key) for key in sorted(keys)]
        for found in self._nodes(f"{_seek(names.IDENTIFIER, 'key')} {_HELD}", keys=asked):
            out[found["scheme"], found["value"]].append(values.identifier_row(found))
        return dict(out)

    def identifiers_of(self, entities: Collection[str]) -> dict[str, list[IdentifierRow]]:
        out: dict[str, list[IdentifierRow]] = defaultdict(list)
        for found in self._nodes(f"{_seek(names.IDENTIFIER, 'entity')} {_HELD}", keys=sorted(entities)):
            out[found["entity"]].append(values.identifier_row(found))
        return dict(out)

    def revisions(self, entities: Collection[str]) -> dict[str, int]:
        instants = "RETURN r.systemFrom AS opened, r.systemTo AS closed"
        found = self.work.ask(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
            f"CALL (e) {{ MATCH (e)-[:`{names.HAS_STATE}`]->(r) {instants} "
            f"UNION ALL MATCH (e)-[r]-(:`{names.ENTITY}`) {instants} }} RETURN id, max(opened), max(closed)",
            ids=sorted(entities),
        )
        return {entity: max(opened, closed or opened) for entity, opened, closed in found}

    # ------------------------------------------------------------ relations

    def relation_claims(self, lines: Collection[str]) -> dict[str, list[RelationClaimRow]]:
        return self._relation_claims(lines, _HELD)

    def _relation_claims(self, lines: Collection[str], held: str) -> dict[str, list[RelationClaimRow]]:
        out: dict[str, list[RelationClaimRow]] = defaultdict(list)
        for found in self._nodes(f"{_seek(names.RELATION_CLAIM, 'line')} {held}", keys=sorted(lines)):
            out[found["line"]].append(values.relation_claim_row(found))
        return dict(out)

    def relation_claims_between(
        self, pairs: Collection[tuple[str, RecordKey, RecordKey]]
    ) -> dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]]:
        out: dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]] = defaultdict(list)
        asked = [(relation, values.record_key(a), values.record_key(b)) for relation, a, b in sorted(pairs)]
        label = names.RELATION_CLAIM
        for found in self._nodes(
            f"UNWIND $pairs AS pair MATCH (n:`{label}`) {using('n', label, 'start', 'end')} "
            f"WHERE n.start = pair[1] AND n.end = pair[2] AND n.relation = pair[0] {_HELD}",
            pairs=asked,
        ):
            row = values.relation_claim_row(found)
            out[row.relation, row.start, row.end].append(row)
        return dict(out)

    def relation_claims_of(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RelationClaimRow]]:
        found: dict[RecordKey, dict[int, RelationClaimRow]] = defaultdict(dict)
        wanted = set(keys)
        referred = f"MATCH (f:`{names.REFERENCE}` {{record: key}})-[:`{names.REFERRED_BY}`]->(n)"
        for text in (
            f"{_seek(names.RELATION_CLAIM, 'start', 'end')} AND n.end IS NOT NULL {_HELD}",
            f"{_seek(names.RELATION_CLAIM, 'end')} {_HELD}",
            f"UNWIND $keys AS key {referred} {using('f', names.REFERENCE, 'record')} WHERE {current('n')}",
        ):
            for node in self._nodes(text, keys=_keys(keys)):
                row = values.relation_claim_row(node)
                for key in {row.start, row.end, *row.references.values()} & wanted:
                    found[key].setdefault(row.row, row)
        return {key: list(rows.values()) for key, rows in found.items()}

    def edges(self, edges: Collection[str]) -> dict[str, list[EdgeRow]]:
        out: dict[str, list[EdgeRow]] = defaultdict(list)
        if not edges:
            return out
        asked = sorted(edges)
        for relation in self.layout.schema.relations:
            kind = self.layout.state_relation(relation)
            ((rows,),) = self.work.ask(
                f"UNWIND $edges AS edge MATCH (a)-[r:{kind} {{edge: edge}}]->(b) {using('r', kind, 'edge')} "
                f"WHERE {current('r')} RETURN collect([elementId(r), a.id, b.id, properties(r)])",
                edges=asked,
            )
            for place, start, end, found in rows:
                self.places[found["_row"]] = place
                out[found["edge"]].append(values.edge_of(relation, start, end, found))
        return dict(out)

    # ------------------------------------------------------------ history

    # A claim's remainders keep its run, but every record and line of a run has a row that one of the run's own
    # commits wrote, is named in the statement log, or was stated again.
    def _of_run(self, label: str, what: str, run: str) -> list[str]:
        give = f"RETURN n.{what} AS key"
        return [
            key
            for (key,) in self.work.ask(
                # Taking a run back is rare: better one look at every claim now than two index entries for each.
                f"MATCH (t:`{names.TX}` {{run: $run}}) WITH collect(t.system) AS systems "
                f"CALL (systems) {{ MATCH (n:`{label}`) WHERE n.systemFrom IN systems OR n.systemTo IN systems {give} "
                f"UNION MATCH (n:`{label}`) {using('n', label, 'logged')} WHERE n.logged = $run {give} "
                f"UNION MATCH (a:`{names.AFFIRMATION}` {{run: $run}})-[:`{names.AFFIRMS}`]->(n:`{label}`) {give} }} "
                "RETURN DISTINCT key",
                run=run,
            )
        ]

    def claim_history(self, run: str) -> dict[RecordKey, list[ClaimRow]]:
        return self._claims([values.record_of(k) for k in self._of_run(names.CLAIM, "record", run)], "")

    def relation_claim_history(self, run: str) -> dict[str, list[RelationClaimRow]]:
        return self._relation_claims(self._of_run(names.RELATION_CLAIM, "line", run), "")

    def runs_at(self, systems: Collection[int]) -> dict[int, str]:
        found = self.work.ask(
            f"UNWIND $systems AS system MATCH (t:`{names.TX}` {{system: system}}) RETURN system, t.run",
            systems=sorted(systems),
        )
        return dict(found)

    def affirmations(self, rows: Collection[int], *, relation: bool) -> dict[int, tuple[str, ...]]:
        del relation  # rows of all kinds are numbered in one series
        out: dict[int, list[str]] = defaultdict(list)
        for row, run in self.work.ask(
            f"UNWIND $rows AS row MATCH (a:`{names.AFFIRMATION}` {{claim: row}}) RETURN row, a.run ORDER BY a._row",
            rows=sorted(rows),
        ):
            out[row].append(run)
        return {row: tuple(runs) for row, runs in out.items()}

    def records_of_source(self, source: str) -> list[RecordKey]:
        found = self.work.ask(
            f"MATCH (n:`{names.CLAIM}`) WHERE n.source = $source RETURN DISTINCT n.local AS local ORDER BY local",
            source=source,
        )
        return [RecordKey(source, local) for (local,) in found]

    def lines_of_source(self, source: str) -> list[str]:
        found = self.work.ask(
            f"MATCH (n:`{names.RELATION_CLAIM}`) WHERE n.source = $source RETURN DISTINCT n.line AS line ORDER BY line",
            source=source,
        )
        return [line for (line,) in found]


def _keys(keys: Collection[RecordKey]) -> list[str]:
    return [values.record_key(key) for key in sorted(keys)]
