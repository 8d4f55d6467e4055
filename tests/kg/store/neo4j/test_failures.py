"""What goes wrong between a commit and those who read it: cuts, full pools, many writers on few entities."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kg.errors import StaleExpectation, StoreBusy, StoreUnavailable
from kg.model.changes import Expect
from kg.query.algebra import Field, Ids, Leaf, Obj, Prop, Query, Root, Rows, Select, Time
from kg.query.secure import EVERYTHING
from kg.store.base import Position
from kg.store.neo4j import commit as committing
from kg.testing.contract import firm
from tests.kg.store.neo4j.cutting import proxy
from tests.kg.store.neo4j.test_commits import NOW, another, changes, latest, names

if TYPE_CHECKING:
    from kg.store.base import ChangeEntry
    from kg.store.neo4j.store import Neo4jStore

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]


# ---------------------------------------------------------------- between the commit and its publishing


@pytest.mark.parametrize("back", [True, False])
async def test_a_connection_cut_between_commit_and_publishing(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    """Where the server is there again, the commit goes on by itself; where it stays away, whoever comes next publishes,
    and the same change with its key is told what it did."""
    async with proxy(store.url) as between:
        writer = await another(between.url, patience_seconds=2.0)
        await writer.commit(changes(firm("a/0", name="first")), now=NOW)
        kept = committing.publish
        cut: list[int] = []

        async def publish(link: Any, ticks: Any) -> None:
            if not cut:
                cut.append(ticks.seq)
                between.deaf = not back
                between.cut()
            await kept(link, ticks)

        monkeypatch.setattr(committing, "publish", publish)
        change = changes(firm("a/1", name="A"), key="k")
        if back:
            assert (await writer.commit(change, now=NOW + 1)).seq == 2
        else:
            with pytest.raises(StoreUnavailable):
                await writer.commit(change, now=NOW + 1)
            assert await names(store) == (2, 2)  # nobody was told, but it is written: a reader publishes
            between.deaf = False
            between.cut()
            again = await writer.commit(change, now=NOW + 2)
            assert (again.seq, again.replayed) == (2, True)
        assert cut == [2]
        await writer.close()
    assert await names(store) == (2, 2)
    assert (await store.clock()).seq == 2


async def test_a_full_pool_is_told_and_passes(store: Neo4jStore) -> None:
    async with await another(store.url, pool=2, patience_seconds=1.0) as narrow:
        held = [narrow.link.session() for _ in range(2)]
        open_ = [await session.begin_transaction() for session in held]
        for transaction in open_:
            await transaction.run("RETURN 1")
        with pytest.raises(StoreBusy, match="JINGWEI_NEO4J_POOL"):
            await narrow.clock()
        with pytest.raises(StoreBusy, match="JINGWEI_NEO4J_POOL"):
            await narrow.commit(changes(firm("a/1", name="A")), now=NOW)
        for transaction, session in zip(open_, held, strict=True):
            await transaction.close()
            await session.close()
        assert (await narrow.commit(changes(firm("a/1", name="A")), now=NOW)).seq == 1


# ---------------------------------------------------------------- many beside each other

WRITERS, HOT, TURNS, SOAK_TURNS = 16, 4, 2, 25


async def count_up(store: Neo4jStore, turns: int) -> None:
    """Each writer, a process's store of its own, adds one to what it read, and expects that to be so still."""
    ids = (await store.commit(changes(*(firm(f"a/{n}", staff=0) for n in range(HOT))), now=NOW)).entities
    refused = 0

    async def staff(writer: Neo4jStore, entity: str, at: int) -> int:
        row = Rows(Obj((Field("staff", Leaf(Prop("staff"))),)))
        query = Query((Root("it", Select(Ids("Firm", (entity,)), row)),), NOW, Time(system=at))
        found: int = orjson.loads(await writer.execute(query, EVERYTHING))["it"][0]["staff"]
        return found

    async def write(number: int) -> None:
        nonlocal refused
        async with await another(store.url, patience_seconds=120.0) as writer:
            done = 0
            while done < turns:
                which = (number + done) % HOT
                at = (await writer.clock()).system
                change = firm(f"a/{which}", staff=await staff(writer, ids[which], at) + 1)
                try:
                    await writer.commit(changes(change, expect=(Expect(ids[which], at),)), now=NOW)
                except StaleExpectation:
                    refused += 1
                else:
                    done += 1

    await asyncio.gather(*map(write, range(WRITERS)))
    at = (await store.clock()).system
    assert sum([await staff(store, one, at) for one in ids]) == WRITERS * turns
    assert (await store.clock()).seq == 1 + WRITERS * turns
    assert refused, "nobody was in anybody's way"


async def test_sixteen_writers_on_hot_entities(store: Neo4jStore) -> None:
    await count_up(store, TURNS)


@pytest.mark.soak
async def test_sixteen_writers_on_hot_entities_at_length(store: Neo4jStore) -> None:
    await count_up(store, SOAK_TURNS)


LARGE, COMMITS, SOAK_COMMITS = 2000, 3, 40


async def read_beside(store: Neo4jStore, commits: int) -> None:
    """Each commit gives all firms one new name; readers of the present, of the past and of the feed look on."""
    ids = [f"a/{n}" for n in range(LARGE)]
    first = await store.commit(changes(*(firm(one, name="0") for one in ids)), now=NOW)
    done = asyncio.Event()
    seen: list[tuple[int, int]] = []
    fed: list[ChangeEntry] = []

    async def read() -> None:
        async with await another(store.url) as reader:
            while not done.is_set():
                before = (await reader.clock()).seq
                *found, last = await latest(reader)
                assert int(last) >= before - 1, "a read is older than what was there before it"
                seen.append((found[0], found[1]))
                seen.append(await names(reader, system=first.system))

    async def follow() -> None:
        async with await another(store.url) as reader:
            while len(fed) < LARGE + 2 * LARGE * (commits - 1):
                at = fed[-1].position if fed else Position()
                fed.extend(await reader.changes(at, EVERYTHING, limit=1500))
                await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(read()), asyncio.create_task(read()), asyncio.create_task(follow())]
    for number in range(1, commits):
        await store.commit(changes(*(firm(one, name=str(number)) for one in ids)), now=NOW + number)
    await asyncio.wait_for(tasks[2], 600)
    done.set()
    await asyncio.gather(*tasks)
    assert len(seen) > commits
    assert set(seen) == {(LARGE, 1)}
    whole = await store.changes(Position(), EVERYTHING, limit=10**9)
    assert fed == list(whole), "the feed skipped or repeated something"
    places = [e.position for e in fed]
    assert places == sorted(set(places))
    assert {p.seq for p in places} == set(range(1, commits + 1))


async def test_readers_beside_large_commits(store: Neo4jStore) -> None:
    await read_beside(store, COMMITS)


@pytest.mark.soak
async def test_readers_beside_large_commits_at_length(store: Neo4jStore) -> None:
    await read_beside(store, SOAK_COMMITS)
