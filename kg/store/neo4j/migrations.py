"""Makes a database a store, and makes it fit a Schema.

Constraints and indexes come first, each statement repeatable, while others read and write; then one transaction
converts values and writes the Schema down. A migration that died in between is gone on with by running it again.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kg.errors import StoreCorrupt
from kg.model.intervals import MIN, OPEN
from kg.schema import serialise
from kg.store.evolve import Lossy, conversions, refused
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.commit import publish, turn
from kg.store.neo4j.layout import Layout, quoted
from kg.store.neo4j.writer import Writer
from kg.store.rescheme import identifiers_ever, refuse_shared, reschemed, schemes_of, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.model.rows import VersionRow
    from kg.schema.types import Schema
    from kg.store.evolve import Conversion
    from kg.store.neo4j.commit import Turn
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.work import Work

FORMAT: Final = 2
_SCHEMAS: Final = f"MATCH (s:`{names.SCHEMA}`) RETURN s.json ORDER BY s.ordinal"
_CLOCK: Final = f"MATCH (c:`{names.CLOCK}` {{id: 0}}) RETURN c.format, c.secret, c.schema"


async def opened(link: Link) -> tuple[bytes, int] | None:
    """The store's cursor secret and the ordinal of its Schema; None for an empty database.

    StoreCorrupt for a database that holds something else.
    """
    found = await link.read(_CLOCK)
    if not found:
        if await link.read("MATCH (n) RETURN 1 LIMIT 1"):
            raise StoreCorrupt(
                "The database holds data, but is not a Jingwei store", where=link.url,
                remedy="Name an empty database with JINGWEI_NEO4J_DATABASE.",
            )  # fmt: skip
        return None
    form, secret, ordinal = found[0]
    if form != FORMAT:
        raise StoreCorrupt(
            f"The store has format {form}, this version reads {FORMAT}", where=link.url,
            remedy="Use the version of Jingwei that wrote it to make a backup, and restore that here.",
        )  # fmt: skip
    return bytes(secret), ordinal


async def schemas(link: Link) -> list[Schema]:
    """All Schemas that the graph was ever made to fit, oldest first."""
    return [serialise.from_json(text) for (text,) in await link.read(_SCHEMAS)]


async def prepare(link: Link, layout: Layout) -> list[str]:
    """Make the constraints and indexes that are missing, and wait until they can be used."""
    there = {name for (name,) in await link.read("SHOW INDEXES YIELD name RETURN name")}
    wanted = {name: text for name, text in layout.indexes().items() if name not in there}

    async def make() -> None:
        async with link.session(write=True) as session, await session.begin_transaction() as tx:
            for text in wanted.values():
                result = await tx.run(text)
                await result.consume()

    if wanted:
        await link.again(make)
        await link.read("CALL db.awaitIndexes(600)")
    return [f"index {name}: made" for name in sorted(wanted)]


async def create(link: Link) -> None:
    """The Clock, the Gate, and the secret with which cursors are sealed."""
    await link.write(
        f"MERGE (c:`{names.CLOCK}` {{id: 0}}) ON CREATE SET c += $clock "
        f"MERGE (g:`{names.GATE}` {{id: 0}}) ON CREATE SET g += $gate",
        {
            "clock": {
                "format": FORMAT, "secret": os.urandom(32), "system": 0, "seq": 0, "row": 1, "epoch": 0,
                "pivot": MIN, "heldFrom": MIN, "heldTo": OPEN, "split": False, "moved": False, "pruned": 0,
                "schema": 0, "attempt": "",
            },
            "gate": {
                "system": 0, "seq": 0, "writing": 0, "written": 0, "heldFrom": MIN,
                "heldTo": OPEN, "split": False, "moved": False, "pruned": 0, "schema": 0,
            },
        },
    )  # fmt: skip


async def migrate(link: Link, schema: Schema, *, restoring: bool = False) -> tuple[str, ...]:
    """Make the database fit `schema`; what was done, a line each. SchemaError names the values that do not convert."""
    if await opened(link) is None:
        await prepare(link, Layout(schema))
        await create(link)
    known = await schemas(link)
    if known and known[-1].hash == schema.hash:
        return ()
    done = await prepare(link, Layout(schema, tuple(known)))
    async with turn(link, restoring=restoring) as mine:
        known = [serialise.from_json(text) for (text,) in await mine.work.rows(_SCHEMAS)]
        if known and known[-1].hash == schema.hash:
            return ()
        layout = Layout(schema, tuple(known))
        if known:
            done += _news(known[-1], schema)
            done += await Evolution(mine.work, layout).run()
            done += await _identify(mine, layout)
        mine.ticks.schema += 1
        await mine.work.rows(
            f"CREATE (s:`{names.SCHEMA}` {{ordinal: $ordinal, hash: $hash, json: $json}})",
            ordinal=mine.ticks.schema, hash=schema.hash, json=serialise.to_json(schema),
        )  # fmt: skip
        await mine.commit(attempt=mine.ticks.attempt, visible=True)
    await publish(link, mine.ticks)
    return (*done, f"schema {schema.hash[:12]}: stored")


async def _identify(mine: Turn, layout: Layout) -> list[str]:
    """Identifier rows of entities of the classes whose identifiers are others now. SchemaError where two would hold one
    at one point."""
    classes, schemes = reschemed(layout.earlier[-1], layout.schema), schemes_of(layout.schema)
    if not classes:
        return []
    found: dict[str, list[VersionRow]] = defaultdict(list)
    for (state,) in await mine.work.rows(
        f"MATCH (e:`{names.ENTITY}`)-[:`{names.HAS_STATE}`*0..1]->(m) WHERE m.class IN $classes WITH DISTINCT e "
        f"MATCH (e)-[:`{names.HAS_STATE}`*0..1]->(n) WHERE n._row IS NOT NULL RETURN properties(n)",
        classes=list(classes),
    ):
        found[state["id"]].append(values.version_of(state))
    await mine.work.rows(
        f"MATCH (n:`{names.IDENTIFIER}`) WHERE n.entity IN $entities DETACH DELETE n", entities=list(found)
    )
    rows = [row for entity, held in found.items() for row in identifiers_ever(entity, held, schemes)]
    await Writer(mine.work, values.Shapes(layout), mine.ticks).identifiers(rows)
    gained = sorted({scheme for name in classes for _, scheme in schemes[name]})
    all_held = await mine.work.rows(
        f"MATCH (n:`{names.IDENTIFIER}`) WHERE n.scheme IN $gained RETURN properties(n)", gained=gained
    )
    refuse_shared(layout.schema, shared(values.identifier_row(n) for (n,) in all_held))
    return [f"{name}: identifiers made again" for name in classes]


def _news(before: Schema, schema: Schema) -> list[str]:
    done: list[str] = []
    for kind, was, now in (("class", before.classes, schema.classes), ("relation", before.relations, schema.relations)):
        done += [f"{kind} {name}: added" for name in sorted(now.keys() - was.keys())]
        done += [f"{kind} {name}: gone, what it holds stays stored" for name in sorted(was.keys() - now.keys())]
        for name in sorted(was.keys() & now.keys()):
            left = {p.name for p in was[name].properties} - {p.name for p in now[name].properties}
            done += [f"{kind} {name}: property {p} gone, readable as raw" for p in sorted(left)]
    return done


class Evolution:
    """What a new Schema makes of stored rows, in one transaction."""

    def __init__(self, work: Work, layout: Layout) -> None:
        self.work = work
        self.layout = layout
        self.before = layout.earlier[-1]

    async def run(self) -> list[str]:
        done: list[str] = []
        bad: set[str] = set()
        found = conversions(self.layout.earlier, self.layout.schema)
        for (owner, name), convert in sorted(found.items(), key=lambda item: item[0]):
            bad |= await self._rows(owner, name, convert)
            bad |= await self._claims(owner, name, convert)
            if convert.moves:
                done.append(f"converted {owner}.{name}")
        if bad:
            raise refused(bad)
        for name, cls in sorted(self.layout.schema.classes.items()):
            earlier = self.before.classes.get(name)
            if cls.abstract or earlier is None:
                continue
            if set(cls.ancestors) != set(earlier.ancestors):
                await self._relabel(name)
                done.append(f"{name}: labels set anew")
            if {p.name for p in cls.properties if p.searchable} != {p.name for p in earlier.properties if p.searchable}:
                await self._words(name)
                done.append(f"{name}: search index made again")
        return done

    def _matches(self, owner: str) -> tuple[str, ...]:
        """What lies aside, then the present."""
        if owner in self.layout.schema.classes:
            states = f"MATCH (n:{self.layout.state_label(owner)}) WHERE n.class = $owner"
            return states, f"MATCH (n:`{names.ENTITY}`:{self.layout.label(owner)}) WHERE n.class = $owner"
        relation = self.layout
        return (
            f"MATCH ()-[n:{relation.state_relation(owner)}]->() WHERE $owner IS NOT NULL",
            f"MATCH ()-[n:{relation.relation(owner)}]->() WHERE $owner IS NOT NULL",
        )

    async def _rows(self, owner: str, name: str, convert: Conversion) -> set[str]:
        bad: set[str] = set()
        key = quoted(name)
        doubles = self.layout.doubles(owner)
        for match in self._matches(owner):
            found = await self.work.rows(f"{match} AND n.{key} IS NOT NULL RETURN elementId(n), n.{key}", owner=owner)
            changed = []
            for place, stored in found:
                value = tuple(stored) if isinstance(stored, list) else stored
                try:
                    changed.append((place, values.stored({name: convert(value)}, doubles)[name]))
                except Lossy:
                    bad.add(f"{owner}.{name} = {value!r}")
            if convert.moves:
                await self._set(match, f"SET n.{key} = r[1]", changed)
        return bad

    async def _set(self, match: str, change: str, rows: Sequence[Any]) -> None:
        node = match.partition(" WHERE ")[0].partition("MATCH ")[2]
        shape = "(n)" if node.startswith("(n") else "()-[n]->()"
        await self.work.send_each(f"MATCH {shape} WHERE elementId(n) = r[0] {change}", rows)

    async def _claims(self, owner: str, name: str, convert: Conversion) -> set[str]:
        label, key = (
            (names.CLAIM, "class") if owner in self.layout.schema.classes else (names.RELATION_CLAIM, "relation")
        )
        bad: set[str] = set()
        changed = []
        for place, text in await self.work.rows(
            f"MATCH (n:`{label}`) WHERE n.`{key}` = $owner RETURN elementId(n), n.properties", owner=owner
        ):
            says = values.properties_of(text)
            if says.get(name) is None:
                continue
            try:
                says[name] = convert(says[name])
            except Lossy:
                bad.add(f"{owner}.{name} = {says[name]!r}")
            changed.append((place, values.properties_text(says)))
        await self._set("MATCH (n)", "SET n.properties = r[1]", changed)
        return bad

    async def _relabel(self, cls: str) -> None:
        old = Layout(self.before, self.layout.earlier[:-1])
        states, entities = self._matches(cls)
        await self.work.rows(
            f"{states} REMOVE n{old.state_labels(cls)} SET n:`{names.STATE}`{self.layout.state_labels(cls)}", owner=cls
        )
        await self.work.rows(f"{entities} REMOVE n{old.labels(cls)} SET n{self.layout.labels(cls)}", owner=cls)

    async def _words(self, cls: str) -> None:
        searched = self.layout.searchable(cls)
        listed = ", ".join(f"n.{quoted(name)}" for name in searched)
        for match in self._matches(cls):
            found: dict[str, list[Any]] = defaultdict(list)
            for place, held in await self.work.rows(f"{match} RETURN elementId(n), [{listed}]", owner=cls):
                says = {n: v for n, v in zip(searched, held, strict=True) if v is not None}
                words = values.tokens_of(tuple(values.searchable_values(says, searched)))
                found["rows"].append((place, words or None))
            await self._set("MATCH (n)", f"SET n.`{names.WORDS}` = r[1]", found["rows"])
