"""Erasing and pruning: the only verbs that remove what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kg.errors import NotFound
from kg.model.changes import Receipt
from kg.store.commit.envelope import system_instant
from kg.store.erasing import refuse_unknown
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.commit import publish, turn
from kg.store.neo4j.folding import NO_CLAIM, NO_LINE
from kg.store.neo4j.receipts import record_tx

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import EraseRequest
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.values import Shapes
    from kg.store.neo4j.work import Work

_AT_ONCE: Final = 10_000
_NOTES: Final = {*names.SAID, *names.OF_RECORD}
_OF_RECORD: Final = (
    "n.start = key AND n.end IS NOT NULL", "n.end = key",
    f"EXISTS {{ (:`{names.REFERENCE}` {{record: key}})-[:`{names.REFERRED_BY}`]->(n) }}",
)  # fmt: skip


async def erase(link: Link, shapes: Shapes, schema: Schema, request: EraseRequest, now: int, attempt: str) -> Receipt:
    """In one transaction, beside which nobody reads. NotFound for an id that no record ever belonged to, or a property
    that nothing has."""
    async with turn(link) as mine:
        work, ticks = mine.work, mine.ticks
        keys = await _records(work, request.entity)
        if not keys:
            raise NotFound("No entity has this id", field="entity", value=request.entity, remedy="Look it up first.")
        eraser = Eraser(work, shapes)
        if request.property:
            count = await eraser.property(request.entity, keys, request.property)
        else:
            count = await eraser.entity(request.entity, keys)
        refuse_unknown(schema, request, count)
        ticks.system = system_instant(ticks.system, now, None)
        ticks.seq += 1
        receipt = Receipt(read=count, loaded=count, system=ticks.system, seq=ticks.seq)
        await record_tx(work, receipt, request.author, request.reason, "erase", attempt)
        await work.rows(
            f"CREATE (n:`{names.TOMBSTONE}`) SET n = $entry",
            entry={
                "seq": ticks.seq, "system": ticks.system, "entity": request.entity, "property": request.property,
                "reason": request.reason, "author": request.author,
            },
        )  # fmt: skip
        await mine.commit(attempt=attempt, visible=True)
    await publish(link, mine.ticks)
    return receipt


async def _records(work: Work, entity: str) -> list[str]:
    """Names of all records that ever were the entity's, or were first seen as it."""
    found = await work.rows(
        f"CALL () {{ MATCH (n:`{names.RECORD}` {{entity: $id}}) RETURN n.record AS key "
        f"UNION MATCH (n:`{names.RECORD}` {{home: $id}}) RETURN n.record AS key "
        f"UNION MATCH (n:`{names.ENTITY}` {{id: $id}}) WHERE n.{names.RECORD_KEY} IS NOT NULL "
        f"RETURN n.{names.RECORD_KEY} AS key }} RETURN key ORDER BY key",
        id=entity,
    )
    return [key for (key,) in found]


class Eraser:
    """Removes rows with all that hangs on them, in one transaction; each method says how many."""

    def __init__(self, work: Work, shapes: Shapes) -> None:
        self.work = work
        self.shapes = shapes

    async def entity(self, entity: str, keys: list[str]) -> int:
        layout = self.shapes.layout
        count = await self._claims(f"MATCH (n:`{names.CLAIM}` {{record: key}})", keys)
        for label in (names.ENTITY, names.STATE):
            held = f"MATCH (n:`{label}` {{{names.RECORD_KEY}: key}}) WHERE n.{names.CLAIM_ROW} IS NOT NULL"
            record = "" if label == names.ENTITY else f", n.{names.RECORD_KEY} = null"
            count += await self._notes(held, keys, f"SET {NO_CLAIM}{record}")
        for way in _OF_RECORD:
            count += await self._relation_claims(f"MATCH (n:`{names.RELATION_CLAIM}`) WHERE {way}", keys)
        for name in layout.relations:
            for kind in layout.relation_types(name):
                for way in (f"n.{names.START} = key AND n.{names.END} IS NOT NULL", f"n.{names.END} = key"):
                    count += await self._notes(
                        f"MATCH ()-[n:{kind}]->() WHERE {way}", keys, f"SET {NO_CLAIM}, {NO_LINE}"
                    )
        here = f"MATCH (e:`{names.ENTITY}` {{id: $id}})"
        for name in layout.relations:
            (found,) = await self.work.rows(
                f"{here} MATCH (e)-[r:{layout.row_relations(name)}]-() RETURN count(DISTINCT r)", id=entity
            )
            count += found[0]
        count += await self._drop(f"{here}-[:`{names.HAS_STATE}`]->(n)", [], id=entity)
        count += await self._drop(f"MATCH (n:`{names.IDENTIFIER}` {{entity: $id}})", [], id=entity)
        count += await self._drop(f"UNWIND $keys AS key MATCH (n:`{names.RECORD}` {{record: key}})", keys)
        (own,) = await self.work.rows(
            f"{here} WITH e, CASE WHEN e._row IS NULL THEN 0 ELSE 1 END + "
            f"CASE WHEN e.{names.RECORD_ROW} IS NULL THEN 0 ELSE 1 END AS held DETACH DELETE e RETURN held",
            id=entity,
        )
        await self.work.rows(f"MATCH (b:`{names.BOUNDARY}`) WHERE b.id = $id DELETE b", id=entity)
        return count + int(own[0])

    async def _claims(self, match: str, keys: list[str]) -> int:
        await self._affirmations(f"{match} RETURN n._row AS claim", keys)
        return await self._drop(f"UNWIND $keys AS key {match}", keys)

    async def _relation_claims(self, match: str, keys: list[str]) -> int:
        await self._affirmations(f"{match} RETURN n._row AS claim", keys)
        places = [
            place for (place,) in await self.work.rows(f"UNWIND $keys AS key {match} RETURN elementId(n)", keys=keys)
        ]
        await self.work.rows(
            f"UNWIND $places AS r MATCH (f)-[:`{names.REFERRED_BY}`]->(n) WHERE elementId(n) = r DETACH DELETE f",
            places=places,
        )
        return await self._drop("UNWIND $keys AS r MATCH (n) WHERE elementId(n) = r", places)

    async def _notes(self, match: str, keys: list[str], remove: str) -> int:
        """Take claims off the rows that they lie on."""
        await self._affirmations(f"{match} RETURN n.{names.CLAIM_ROW} AS claim", keys)
        (found,) = await self.work.rows(
            f"UNWIND $keys AS key {match} WITH DISTINCT n {remove} RETURN count(*)", keys=keys
        )
        return int(found[0])

    async def _affirmations(self, match: str, keys: list[str]) -> None:
        await self.work.rows(
            f"UNWIND $keys AS key CALL (key) {{ {match} }} MATCH (a:`{names.AFFIRMATION}` {{claim: claim}}) "
            "WITH DISTINCT a DELETE a",
            keys=keys,
        )

    async def _drop(self, match: str, keys: list[str], **more: Any) -> int:
        (found,) = await self.work.rows(f"{match} WITH DISTINCT n DETACH DELETE n RETURN count(*)", keys=keys, **more)
        return int(found[0])

    # ---------------------------------------------------------------- one property

    async def property(self, entity: str, keys: list[str], name: str) -> int:
        gone: set[str] = set()
        count = 0
        for place, text in await self.work.rows(
            f"UNWIND $keys AS key MATCH (n:`{names.CLAIM}` {{record: key}}) RETURN elementId(n), n.properties",
            keys=keys,
        ):
            says = values.properties_of(text)
            if name in says:
                _remember(gone, says.pop(name))
                await self.work.rows(
                    "MATCH (n) WHERE elementId(n) = $place SET n.properties = $text",
                    place=place, text=values.properties_text(says),
                )  # fmt: skip
                count += 1
        rows = await self.work.rows(
            f"MATCH (:`{names.ENTITY}` {{id: $id}})-[:`{names.HAS_STATE}`*0..1]->(n) WHERE n._row IS NOT NULL "
            f"RETURN elementId(n), properties(n) UNION MATCH (n:`{names.STATE}`) WHERE n.{names.RECORD_KEY} IN $keys "
            "RETURN elementId(n), properties(n)",
            id=entity, keys=keys,
        )  # fmt: skip
        for place, found in rows:
            count += await self._version(place, found, name, gone, own=found["id"] == entity)
        held = [
            place
            for place, value in await self.work.rows(
                f"MATCH (n:`{names.IDENTIFIER}` {{entity: $id}}) RETURN elementId(n), n.value", id=entity
            )
            if value in gone
        ]
        await self.work.rows("UNWIND $held AS r MATCH (n) WHERE elementId(n) = r DELETE n", held=held)
        return count + len(held)

    async def _version(self, place: str, found: dict[str, Any], name: str, gone: set[str], *, own: bool) -> int:
        """`own`: a row of the entity's; else one of another's, of which only the claim is to lose the value."""
        row = values.version_of(found)
        if name not in row.properties and name not in row.sources:
            return 0
        claimed = int(names.CLAIM_ROW in found and name in row.properties)
        if name in row.properties:
            _remember(gone, row.properties[name])
        if not own:
            return await self._apart(place, found, name)
        kept = replace(
            row,
            properties={n: v for n, v in row.properties.items() if n != name},
            sources={n: v for n, v in row.sources.items() if n != name},
        )
        notes = {key: value for key, value in found.items() if key in _NOTES}
        await self.work.rows(
            "MATCH (n) WHERE elementId(n) = $place SET n = $says",
            place=place, says=self.shapes.version(kept) | notes,
        )  # fmt: skip
        return int(name in row.properties) + claimed

    async def _apart(self, place: str, found: dict[str, Any], name: str) -> int:
        """The claim becomes a node without the value; the row, another entity's past, stays."""
        claim = values.claim_on(found)
        if name not in claim.properties:
            return 0
        kept = replace(claim, properties={n: v for n, v in claim.properties.items() if n != name})
        await self.work.rows(
            f"MATCH (n) WHERE elementId(n) = $place SET {NO_CLAIM}, n.{names.RECORD_KEY} = null "
            f"CREATE (c:`{names.CLAIM}`) SET c = $claim",
            place=place, claim=values.claim(kept),
        )  # fmt: skip
        return 1


def _remember(gone: set[str], value: Any) -> None:
    gone.update(map(str, value) if isinstance(value, tuple) else (str(value),))


# ---------------------------------------------------------------- pruning


async def prune(link: Link, layout: Layout, before: int) -> int:
    """Drop what was superseded at or before an instant; how many rows.

    First nobody may read before the instant any more; then nobody sees the rows, and they go in many transactions.
    """
    async with turn(link) as mine:
        before = min(before, mine.ticks.system)
        if before > mine.ticks.pruned:
            mine.ticks.pruned = before
            await mine.commit(attempt="", visible=True)
    await publish(link, mine.ticks)
    count = 0
    of_node = f"OPTIONAL MATCH (x:`{names.AFFIRMATION}` {{claim: n._row}})"
    of_row = f"OPTIONAL MATCH (x:`{names.AFFIRMATION}` {{claim: n.{names.CLAIM_ROW}}})"
    referred = f"OPTIONAL MATCH (y)-[:`{names.REFERRED_BY}`]->(n)"
    for label, rest, also in (
        (names.RECORD, "", ""), (names.CLAIM, of_node, "x"), (names.STATE, of_row, "x"),
        (names.RELATION_CLAIM, f"{of_node} {referred}", "x, y"), (names.IDENTIFIER, "", ""),
    ):  # fmt: skip
        gone = f"{rest} DETACH DELETE {also} " if rest else ""
        count += await _batches(
            link,
            f"MATCH (n:`{label}`) WHERE n.systemTo <= $before WITH n LIMIT {_AT_ONCE} {gone}{_COUNTED} "
            "DETACH DELETE n RETURN count(*), sum(claims)",
            before,
        )
    for relation in layout.relations:
        count += await _batches(
            link,
            f"MATCH ()-[n:{layout.state_relation(relation)}]->() WHERE n.systemTo <= $before "
            f"WITH n LIMIT {_AT_ONCE} {of_row} DELETE x {_COUNTED} DELETE n RETURN count(*), sum(claims)",
            before,
        )
    return count


_COUNTED: Final = f"WITH DISTINCT n, CASE WHEN n.{names.CLAIM_ROW} IS NULL THEN 0 ELSE 1 END AS claims"


async def _batches(link: Link, text: str, before: int) -> int:
    count = 0
    while True:
        found, claims = await _once(link, text, before)
        count += found + claims
        if found < _AT_ONCE:
            return count


async def _once(link: Link, text: str, before: int) -> tuple[int, int]:
    async with turn(link) as mine:
        (found,) = await mine.work.rows(text, before=before)
        await mine.work.commit()
        return int(found[0]), int(found[1])
