"""What takes longer than allowed is stopped by the server, told as a limit, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kg.errors import LimitExceeded, StoreBusy
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate
from kg.query import algebra as a
from kg.query.secure import EVERYTHING, secure
from kg.store.base import Scan
from kg.store.neo4j import commit as committing
from kg.store.neo4j.work import Work
from kg.testing.contract import firm
from kg.testing.machine import FIRM_SCHEMA
from tests.kg.store.neo4j.test_commits import NOW, another, changes, names

if TYPE_CHECKING:
    from neo4j import Driver

    from kg.store.neo4j.store import Neo4jStore

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]
FIRMS = 20


async def related(store: Neo4jStore) -> None:
    """Every firm supplies every firm."""
    firms = [Put(RecordKey("a", str(n)), "Firm", {"name": str(n)}) for n in range(FIRMS)]
    edges = [
        Relate("a", "supplies", ByRecord("a", str(m)), ByRecord("a", str(n)))
        for m in range(FIRMS)
        for n in range(FIRMS)
    ]
    await store.commit(changes(*firms, *edges), now=NOW)


def endless(depth: int = 9) -> a.Predicate:
    """Asks for as many firms behind a firm as there are none: 20 to the power of the depth are counted for each."""
    step = a.Step("supplies", True, "Firm")
    inner = endless(depth - 1) if depth else None
    return a.Exists(step, inner, 10**6)


def asking(where: a.Predicate | None, *, system: int | None = None) -> a.Query:
    shape = a.Rows(a.Obj((a.Field("id", a.Leaf(a.Meta(a.MetaName.ID))),)))
    return a.Query((a.Root("it", a.Select(a.Extent("Firm"), shape, where)),), NOW, a.Time(system=system))


async def test_a_read_is_stopped(store: Neo4jStore) -> None:
    """In the present and in the past; the connection serves the next one."""
    await related(store)
    first = await store.clock()
    for system in (None, first.system):  # planned by the server before anybody is in a hurry
        await store.execute(asking(None, system=system), EVERYTHING)
    async with await another(store.url, read_seconds=1.0, pool=2) as hasty:
        for system in (None, first.system):
            begun = time.monotonic()
            with pytest.raises(LimitExceeded, match="longer than allowed") as caught:
                await hasty.execute(asking(endless(), system=system), EVERYTHING)
            assert time.monotonic() - begun < 30  # it would take days
            assert (caught.value.code, caught.value.remedy) == ("LIMIT_EXCEEDED", "Ask for less, or raise the limit.")
            assert len(await hasty.execute(asking(None, system=system), EVERYTHING)) > FIRMS
        await store.commit(changes(firm("a/x", name="late")), now=NOW + 1)
        assert len(await hasty.execute(asking(None), EVERYTHING)) > FIRMS
    assert await names(store) == (FIRMS + 1, FIRMS + 1)


async def test_a_scan_is_stopped(store: Neo4jStore) -> None:
    await related(store)
    async with await another(store.url, scan_seconds=0.5) as hasty:
        with pytest.raises(LimitExceeded, match="longer than allowed"):
            [one async for one in hasty.scan(Scan(NOW, "Firm", properties=("name",), where=endless()), EVERYTHING)]
        found = [one async for one in hasty.scan(Scan(NOW, "Firm", properties=("name",)), EVERYTHING)]
        assert sum(one.num_rows for one in found) == FIRMS


async def test_a_commit_that_waits_too_long_for_its_turn(store: Neo4jStore) -> None:
    await store.commit(changes(firm("a/1", name="A")), now=NOW)
    hasty = await another(store.url, write_seconds=0.5, patience_seconds=1.0)
    async with hasty, committing.turn(store.link):
        with pytest.raises(StoreBusy, match="waited for a lock"):
            await hasty.commit(changes(firm("a/2", name="B"), key="k"), now=NOW + 1)
        assert await names(store) == (1, 1)
    assert await store.receipt("k") is None
    assert (await store.commit(changes(firm("a/2", name="B"), key="k"), now=NOW + 2)).seq == 2
    assert await names(store) == (2, 2)


@pytest.mark.parametrize("announced", [False, True])
async def test_a_commit_that_is_stopped_when_all_is_written(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    """Before and after it was announced: readers see none of it, and the same key may be sent again."""
    await store.commit(changes(firm("a/1", name="A")), now=NOW)
    place: Any = Work if announced else committing.Turn
    kept = place.commit

    async def late(self: Any, **how: Any) -> None:
        await asyncio.sleep(4)  # the server looks every two seconds
        await kept(self, **how)

    change_set: ChangeSet = changes(firm("a/1", name="Z"), firm("a/2", name="B"), key="k")
    async with await another(store.url, write_seconds=1.0) as hasty:
        monkeypatch.setattr(place, "commit", late)
        with pytest.raises(LimitExceeded, match="longer than allowed"):
            await hasty.commit(change_set, now=NOW + 1)
        monkeypatch.setattr(place, "commit", kept)
        assert await names(store) == (1, 1)
        assert (await store.clock()).seq == 1
        assert await store.receipt("k") is None
        again = await hasty.commit(change_set, now=NOW + 2)
        assert (again.seq, again.replayed) == (2, False)
    assert await names(store) == (2, 2)


async def test_a_walk_does_not_follow_every_path(store: Neo4jStore, neo4j_driver: Driver) -> None:
    """Six tiers of eight firms, each supplied by all of the next one: 262,144 paths, some 300 relations."""
    wide, tiers = 8, 6
    firms = [firm(f"a/{tier}.{n}", name=f"{tier}.{n}") for tier in range(tiers + 1) for n in range(wide)]
    edges = [
        Relate("a", "supplies", ByRecord("a", f"{tier + 1}.{m}"), ByRecord("a", f"{tier}.{n}"))
        for tier in range(tiers)
        for m in range(wide)
        for n in range(wide)
    ]
    await store.commit(changes(*firms, *edges), now=NOW)
    ((start,),) = await store.link.read("MATCH (n:Firm {name: '0.0'}) RETURN n.id")
    shape = a.Rows(
        a.Obj((a.Field("id", a.Leaf(a.Meta(a.MetaName.ID))), a.Field("depth", a.Leaf(a.Meta(a.MetaName.DEPTH)))))
    )
    walk = a.Walk((("supplies", False),), "Firm", 1, tiers, a.Ids("Firm", (start,)))
    query = a.Query((a.Root("it", a.Select(walk, shape)),), NOW)
    assert len(orjson.loads(await store.execute(query, EVERYTHING))["it"]) == wide * tiers
    plan, constants = (await store._answering()).plan(await store.asker.head(), secure(query, FIRM_SCHEMA, EVERYTHING))
    asked = plan.statement(constants)
    profile = neo4j_driver.execute_query(f"PROFILE {asked.text}", dict(asked.parameters)).summary.profile
    assert profile is not None
    assert asked.current
    assert 0 < hits(profile) < 5_000


def hits(profile: dict[str, Any]) -> int:
    """What a profiled statement touched in the graph."""
    return int(profile.get("dbHits", 0)) + sum(map(hits, profile.get("children", [])))
