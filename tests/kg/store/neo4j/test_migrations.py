"""A migration that dies is gone on with by the next one; a new ontology module comes while others read and write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kg.model.changes import ChangeSet, Put, RecordKey
from kg.query.algebra import Aggregate, Extent, Metric, MetricOp, Out, Query, Root
from kg.store.base import Position
from kg.store.neo4j import commit as committing
from kg.store.neo4j import migrations
from kg.store.neo4j.store import Neo4jStore
from tests.kg.store.neo4j.test_contract import fresh
from tests.kg.store.test_evolution import ALL, NOW, V1, V2, V3, firm, supply

if TYPE_CHECKING:
    from neo4j import Driver

    from kg.schema.types import Schema

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]

FIRMS = tuple(firm(str(n), name=f"n{n}", code=str(n), phone="1", staff=n, grade="A") for n in range(30))
SUPPLIES = tuple(supply(str(n), str(n + 1), share=n, remark="r") for n in range(29))


async def filled(url: str, schema: Schema = V1) -> Neo4jStore:
    store = await fresh(url, schema)
    await store.commit(ChangeSet((*FIRMS, *SUPPLIES)), now=NOW)
    return store


async def count(store: Neo4jStore) -> int:
    query = Query(
        (Root("it", Aggregate(Extent("Firm"), (Out("n", "metric", 0),), (), (Metric(MetricOp.COUNT),))),), NOW
    )
    found: int = orjson.loads(await store.execute(query, ALL))["it"][0]["n"]
    return found


async def rows(store: Neo4jStore) -> Any:
    entries = await store.changes(Position(), ALL, limit=10_000)
    return sorted((e.kind, e.name, repr(sorted(e.properties.items()))) for e in entries)


STAGES = {
    "after the constraints": (migrations, "prepare"),
    "after the values": (migrations.Evolution, "run"),
    "after the commit": (committing.Turn, "commit"),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_one_that_died_is_gone_on_with(
    neo4j_url: str, neo4j_driver: Driver, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    async with await filled(neo4j_url, V1) as right:
        await right.migrate(V2)
        await right.migrate(V3)
        expected = await rows(right)
    place, name = STAGES[stage]
    kept = getattr(place, name)

    async def dies(*args: Any, **more: Any) -> Any:
        await kept(*args, **more)
        raise asyncio.CancelledError

    async with await filled(neo4j_url, V1) as store:
        for schema in (V2, V3):
            with monkeypatch.context() as patched:
                patched.setattr(place, name, dies)
                with pytest.raises(asyncio.CancelledError):
                    await store.migrate(schema)
            async with Neo4jStore(neo4j_url) as other:  # while it lies there, others go on
                assert await other.open()
                assert await count(other) == len(FIRMS)
                assert (
                    await other.commit(
                        ChangeSet((Put(RecordKey("a", "0"), "Firm", {"name": "n0"}, patch=True),)), now=NOW
                    )
                ).unchanged == 1
            await store.migrate(schema)
            assert await store.migrate(schema) == ()
            assert await store.check() == ()
        assert await rows(store) == expected


async def test_a_new_module_comes_while_others_read_and_write(neo4j_url: str) -> None:
    wanted = (V1, V2, V3)
    done = asyncio.Event()
    async with await filled(neo4j_url, wanted[0]) as store, Neo4jStore(neo4j_url) as other:
        assert await other.open()
        counts: list[int] = []
        written: list[int] = []
        more = asyncio.Event()

        async def read() -> None:
            while not done.is_set():
                counts.append(await count(other))

        async def write() -> None:
            while not done.is_set():
                n = len(written)
                receipt = await other.commit(ChangeSet((firm(f"new {n}", name=f"new {n}"),)), now=NOW + n)
                assert receipt.loaded == 1
                written.append(receipt.seq or 0)
                more.set()

        tasks = [asyncio.create_task(read()), asyncio.create_task(write())]
        for schema in wanted[1:]:
            await store.migrate(schema)
            for _ in range(3):
                more.clear()
                await asyncio.wait_for(more.wait(), 60)
        done.set()
        await asyncio.gather(*tasks)
        assert counts == sorted(counts)
        assert await count(store) == len(FIRMS) + len(written)
        assert await store.check() == ()
        assert other.schema.hash == V3.hash
