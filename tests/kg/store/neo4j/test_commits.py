"""Commits beside readers, other writers and broken connections."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from kg.errors import StoreUnavailable
from kg.model.changes import ChangeSet, Receipt
from kg.model.intervals import Interval
from kg.query.algebra import Aggregate, Extent, Metric, MetricOp, Out, Prop, Query, Root, Time
from kg.query.secure import EVERYTHING
from kg.store.base import EraseRequest, Position
from kg.store.neo4j import asking
from kg.store.neo4j import commit as committing
from kg.store.neo4j.clock import ANNOUNCE
from kg.store.neo4j.connection import Access
from kg.store.neo4j.store import Neo4jStore
from kg.store.sqlite.store import SqliteStore
from kg.testing.contract import answers, firm, supplies
from kg.testing.machine import FIRM_SCHEMA, SOURCES
from tests.kg.store.neo4j.cutting import Proxy, proxy

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]
NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


async def another(url: str, **access: Any) -> Neo4jStore:
    made = Neo4jStore(url, Access(**access))
    assert await made.open()
    return made


def changes(*items: Any, **rest: Any) -> ChangeSet:
    return ChangeSet(items, sources=tuple(SOURCES.values()), **rest)


async def names(store: Neo4jStore, *, system: int | None = None, now: int = NOW) -> tuple[int, int]:
    """How many firms there are, and how many different names."""
    return (await latest(store, system=system, now=now))[:2]


async def latest(store: Neo4jStore, *, system: int | None = None, now: int = NOW) -> tuple[int, int, str]:
    """The same, and the last name in order."""
    metrics = (Metric(MetricOp.COUNT), Metric(MetricOp.DISTINCT, Prop("name")), Metric(MetricOp.MAX, Prop("name")))
    out = (Out("firms", "metric", 0), Out("names", "metric", 1), Out("last", "metric", 2))
    query = Query((Root("it", Aggregate(Extent("Firm"), out, metrics=metrics)),), now, Time(system=system))
    (found,) = orjson.loads(await store.execute(query, EVERYTHING))["it"]
    return found["firms"], found["names"], found["last"]


# ---------------------------------------------------------------- connections that break


class Broken:
    """Breaks the connection at one place of the next commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, between: Proxy, where: str) -> None:
        self.between = between
        self.tries = 0
        kept = committing.Turn.commit

        async def commit(turn: committing.Turn, **how: Any) -> None:
            self.tries += 1
            if self.tries > 1:
                await kept(turn, **how)
            elif where == "before":
                between.cut()
                await kept(turn, **how)
            else:  # the server commits, and nobody hears of it
                send = turn.work.tx.commit

                async def unheard() -> None:
                    between.deaf = True
                    sent = asyncio.ensure_future(send())
                    await asyncio.sleep(0.5)
                    between.cut()
                    between.deaf = False
                    await sent

                monkeypatch.setattr(turn.work.tx, "commit", unheard)
                await kept(turn, **how)

        monkeypatch.setattr(committing.Turn, "commit", commit)


@pytest.mark.parametrize("where", ["before", "at"])
@pytest.mark.parametrize("key", ["", "k"])
async def test_a_commit_whose_connection_breaks_is_made_once(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, where: str, key: str
) -> None:
    async with proxy(store.url) as between, await another(between.url) as writer:
        await writer.commit(changes(firm("a/0", name="first")), now=NOW)
        broken = Broken(monkeypatch, between, where)
        receipt = await writer.commit(changes(firm("a/1", name="A"), key=key), now=NOW + 1)
        assert broken.tries == (1 if where == "at" else 2)
        assert (receipt.loaded, receipt.seq, receipt.replayed) == (1, 2, False)
        assert (await store.clock()).seq == 2
        assert await names(store) == (2, 2)
        again = await writer.commit(changes(firm("a/1", name="A"), key=key), now=NOW + 2)
        assert again.replayed if key else again.unchanged == 1


async def test_cursors_are_sealed_with_the_secret_that_was_given(store: Neo4jStore) -> None:
    kept = store.cursor_secret
    async with await another(store.url) as other:
        assert other.cursor_secret == kept  # both have it from the database
        other.cursor_secret = bytes(32)
        await names(other)
        assert await other.open()
        assert other.cursor_secret == bytes(32)


async def test_a_server_that_stays_away_is_an_error_that_passes(store: Neo4jStore) -> None:
    async with proxy(store.url) as between:
        writer = await another(between.url, patience_seconds=1.0)
        between.deaf = True
        between.cut()
        between.url = ""
    for verb in (
        writer.commit(changes(firm("a/1", name="A")), now=NOW),
        writer.erase(EraseRequest("nobody", "why")),
        writer.prune(NOW),
        writer.check(),
        writer.clock(),
        names(writer),
    ):
        with pytest.raises(StoreUnavailable):
            await verb
    await writer.close()
    assert (await store.clock()).seq == 0


# ---------------------------------------------------------------- writers that die


async def test_the_next_writer_publishes_for_one_that_died(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.commit(changes(firm("a/1", name="A")), now=NOW)

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(committing, "publish", dies)
        with pytest.raises(asyncio.CancelledError):
            await store.commit(changes(firm("a/1", name="B"), firm("a/2", name="B")), now=NOW + 1)
    ((written,),) = await store.link.read("MATCH (g:_Gate) RETURN g.seq")
    assert written == 1  # nobody was told that it is written
    monkeypatch.setattr(asking, "_PATIENCE_SECONDS", 60.0)
    async with await another(store.url) as reader:
        waiting = asyncio.create_task(names(reader))
        await reader.commit(changes(firm("a/3", name="B")), now=NOW + 2)
        assert await waiting in {(2, 1), (3, 1)}
        assert (await reader.clock()).seq == 3
        assert await names(reader) == (3, 1)
        assert await names(reader, system=NOW) == (1, 1)


@pytest.mark.parametrize("facts", [True, False])
async def test_a_reader_settles_what_a_writer_left_open(
    store: Neo4jStore, monkeypatch: pytest.MonkeyPatch, facts: bool
) -> None:
    await store.commit(changes(firm("a/1", name="A")), now=NOW)
    epoch = (await store.asker.head()).written
    if facts:

        async def dies(*_: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patched:
            patched.setattr(committing, "publish", dies)
            with pytest.raises(asyncio.CancelledError):
                await store.commit(changes(firm("a/2", name="B")), now=NOW + 1)
    else:
        await store.link.write(ANNOUNCE, {"epoch": epoch + 1})
    monkeypatch.setattr(asking, "_PATIENCE_SECONDS", 0.0)
    async with await another(store.url) as reader:
        head = await reader.asker.head()
        assert head.quiet
        assert (head.written, head.seq) == ((epoch + 1, 2) if facts else (epoch, 1))


# ---------------------------------------------------------------- beside each other


async def test_readers_see_whole_commits(store: Neo4jStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each commit gives all firms one new name: a reader who sees two names has seen a part. Publishing is slow here,
    so that much is read while the graph holds what nobody may see yet."""
    kept = committing.publish

    async def slowly(*what: Any) -> None:
        await asyncio.sleep(0.05)
        await kept(*what)

    monkeypatch.setattr(committing, "publish", slowly)
    count, rounds = 300, 8
    ids = [f"a/{n}" for n in range(count)]
    first = await store.commit(changes(*(firm(i, name="0") for i in ids)), now=NOW)
    done = asyncio.Event()
    seen: list[tuple[int, int]] = []
    past: list[tuple[int, int]] = []
    early: list[bool] = []

    async def read() -> None:
        async with await another(store.url) as reader:
            while not done.is_set():
                *found, last = await latest(reader)
                seen.append((found[0], found[1]))
                early.append(int(last) >= (await reader.clock()).seq)
                past.append(await names(reader, system=first.system))
                seen.append(await names(reader, now=NOW - HOUR))

    readers = [asyncio.create_task(read()) for _ in range(2)]
    for number in range(1, rounds):
        await store.commit(changes(*(firm(i, name=str(number)) for i in ids)), now=NOW + number)
    done.set()
    await asyncio.gather(*readers)
    assert len(seen) > rounds
    assert set(seen) == set(past) == {(count, 1)}
    assert not any(early), "a commit was read before it was there for all"


async def test_writers_on_hot_entities_lose_nothing(store: Neo4jStore) -> None:
    """Several writers, whose clocks differ by an hour, change the same few firms."""

    async def write(number: int) -> list[Receipt]:
        async with await another(store.url) as writer:
            return [
                await writer.commit(
                    changes(firm(f"a/{turn % 2}", name=f"{number}.{turn}"), supplies("a", "a/0", "a/1", stub="Firm")),
                    now=NOW + (number % 2) * HOUR + turn,
                )
                for turn in range(4)
            ]

    receipts = [r for found in await asyncio.gather(*map(write, range(4))) for r in found]
    assert sorted(r.seq for r in receipts if r.seq) == list(range(1, 17))
    by_seq = sorted(receipts, key=lambda r: r.seq or 0)
    assert [r.system for r in by_seq] == sorted({r.system or 0 for r in receipts})
    feed = await store.changes(Position(), EVERYTHING, limit=10_000)
    assert {e.position.seq for e in feed} == set(range(1, 17))


# ---------------------------------------------------------------- the present


async def test_what_is_dated_ahead_becomes_the_present(store: Neo4jStore) -> None:
    later = Interval(NOW + HOUR, NOW + 2 * HOUR)
    await store.commit(changes(firm("a/1", name="A"), firm("a/1", name="soon", valid=later)), now=NOW)
    await store.commit(changes(firm("a/2", name="B"), supplies("a", "a/1", "a/2", valid=later)), now=NOW + 1)
    head = await store.asker.head()
    assert (head.held_to, await _shown(store)) == (NOW + HOUR, (["A", "B"], 0))
    assert await store.check() == ()
    await store.commit(changes(firm("a/3", name="C")), now=NOW + HOUR)
    assert await _shown(store) == (["B", "C", "soon"], 1)
    assert await store.check() == ()
    await store.commit(changes(firm("a/3", name="C2")), now=NOW + 5 * HOUR)
    assert await _shown(store) == (["A", "B", "C2"], 0)
    assert (await store.asker.head()).held_from == NOW + 2 * HOUR


async def _shown(store: Neo4jStore) -> tuple[list[str], int]:
    """What people see in the graph."""
    found = await store.link.read("MATCH (n:Firm) RETURN n.name AS name ORDER BY name")
    ((edges,),) = await store.link.read("MATCH (:Firm)-[r:supplies]->(:Firm) RETURN count(r)")
    return [name for (name,) in found], edges


async def test_an_archive_goes_round(store: Neo4jStore, tmp_path: Path) -> None:
    """SQLite → Neo4j → SQLite: the same answers at every instant."""
    async with SqliteStore(f"sqlite:///{tmp_path}/one.db") as one, SqliteStore(f"sqlite:///{tmp_path}/two.db") as two:
        await one.migrate(FIRM_SCHEMA)
        systems = [
            (await one.commit(changes(*what, run=str(n), key=str(n)), now=NOW + n)).system
            for n, what in enumerate(
                (
                    (firm("a/1", name="A", uscc="U1"), firm("a/2", name="B"), supplies("a", "a/1", "a/2", share=0.5)),
                    (firm("h/1", name="H", uscc="U1"), firm("a/2", name="B2", valid=Interval(NOW - HOUR, NOW + HOUR))),
                    (firm("a/1", staff=3, patch=True), firm("a/1", staff=3, patch=True)),
                )
            )
        ]
        await one.backup(tmp_path / "first")
        await store.restore(tmp_path / "first")
        await store.backup(tmp_path / "second")
        await two.restore(tmp_path / "second")
        for system in (None, *systems):
            expected = await answers(one, EVERYTHING, system)
            assert await answers(store, EVERYTHING, system) == expected
            assert await answers(two, EVERYTHING, system) == expected
        assert await two.runs() == await store.runs() == await one.runs()
        assert (await store.commit(changes(firm("a/1", name="A", uscc="U1"), run="9"), now=NOW + 9)).loaded == 1
