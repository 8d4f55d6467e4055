"""What a store on Neo4j costs as it grows, and what many writers get out of one server.

    python benchmarks/bench_scaling.py [--small] [--enterprises N] [--seconds S] [--out FOLDER]

The facts are those of `bench_neo4j.py`: enterprises of three versions each with about ten relations, loaded by our
commits of a thousand changes into a server that is started for it. Disk is what the server's store files take once it
was stopped; heap is the most that was in use, looked at twice a second. Then everything is scanned, backed up and
restored into SQLite, and 1 to 16 writers with a connection pool each change the same four entities.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from benchmarks.neo4j_peers.facts import NOW, SCHEMA, SOURCE, Size, change_sets
from kg.errors import StaleExpectation
from kg.model.changes import ChangeSet, Expect, Put, RecordKey
from kg.query.algebra import Field, Ids, Leaf, Obj, Prop, Query, Root, Rows, Select, Time
from kg.query.secure import EVERYTHING
from kg.store.base import Scan
from kg.store.neo4j.connection import Access
from kg.store.neo4j.store import Neo4jStore
from kg.store.sqlite.store import SqliteStore
from tools.neo4j.server import LTS, start

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BATCH = 1000
HOT = 4
WRITERS = (1, 2, 4, 8, 16)
MB = 1_000_000


class Restarting:
    """A server with its data in `home`, in which what is written lies in the store's files once it was stopped."""

    def __init__(self, home: Path, version: str) -> None:
        self.home, self.version = home, version
        self.server = start(home, version=version, wipe=True)
        self.port = int(self.server.url.rpartition(":")[2])

    def settled(self) -> int:
        """Stop and start it. Bytes of the store's files, logs of transactions aside."""
        self.server.stop()
        found = sum(p.stat().st_size for p in (self.home / "data/databases/neo4j").rglob("*") if p.is_file())
        self.server = start(self.home, version=self.version, port=self.port)
        return found


def resident() -> int:
    """Most bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Heap:
    """Watches the server's heap."""

    def __init__(self, store: Neo4jStore) -> None:
        self.store = store
        self.most = 0
        self._task: asyncio.Task[None] | None = None

    async def _watch(self) -> None:
        while True:
            ((found,),) = await self.store.link.read(
                "CALL dbms.queryJmx('java.lang:type=Memory') YIELD attributes "
                "RETURN attributes.HeapMemoryUsage.value.properties.used"
            )
            self.most = max(self.most, found)
            await asyncio.sleep(0.5)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def grow(store: Neo4jStore, server: Restarting, size: Size) -> dict[str, Any]:
    """Load in three parts; seconds, rows and disk of each."""
    parts: dict[str, dict[str, float]] = {}
    before, heap = float(server.settled()), 0
    for part, found in itertools.groupby(change_sets(size, BATCH), lambda one: one[0] == "relations"):
        held = parts["relations" if part else "entities"] = {"rows": 0, "seconds": 0.0}
        async with Heap(store) as watched:
            for _, change_set, clock in found:
                begun = time.perf_counter()
                await store.commit(change_set, now=clock)
                held["seconds"] += time.perf_counter() - begun
                held["rows"] += len(change_set.changes)
        heap = max(heap, watched.most)
        held["disk"] = server.settled() - before
        before += held["disk"]
    entities = size.enterprises + size.sites + size.products
    print(f"{'':12}{'rows':>10}{'rows/s':>10}{'MB':>8}{'bytes a row':>14}")
    for part, held in parts.items():
        row = held["disk"] / (entities if part == "entities" else held["rows"])
        print(
            f"{part:12}{held['rows']:10.0f}{held['rows'] / held['seconds']:10.0f}{held['disk'] / MB:8.0f}{row:14.0f}"
            + (" (an entity)" if part == "entities" else "")
        )
    print(f"entities {entities}; most heap in use {heap / MB:.0f} MB; store {before / MB:.0f} MB")
    return {"parts": parts, "entities": entities, "heap": heap, "disk": before}


async def timed(what: str, work: Awaitable[Any]) -> float:
    begun, held = time.perf_counter(), resident()
    await work
    seconds = time.perf_counter() - begun
    print(f"{what:32}{seconds:8.1f} s, this process grew by {(resident() - held) / MB:.0f} MB")
    return seconds


async def whole(store: Neo4jStore, folder: Path) -> dict[str, float]:
    """Read everything, once row by row, once into an archive; and put that into SQLite."""
    rows = 0

    async def scan(**what: str) -> None:
        nonlocal rows
        async for batch in store.scan(Scan(NOW, **what), EVERYTHING):  # type: ignore[arg-type]
            rows += batch.num_rows

    found = {"scan": await timed("scan of the enterprises", scan(cls="Enterprise"))}
    found["scan relations"] = await timed("scan of the supplies", scan(relation="suppliesTo"))
    found["rows"] = rows
    found["backup"] = await timed("backup", store.backup(folder / "archive"))
    found["archive"] = (folder / "archive").stat().st_size
    async with SqliteStore(f"sqlite:///{folder}/copy.db") as copy:
        await copy.migrate(SCHEMA)
        found["restore"] = await timed("restore into SQLite", copy.restore(folder / "archive"))
    print(f"{rows} rows scanned; archive {found['archive'] / MB:.0f} MB")
    return found


async def crowd(url: str, seconds: float) -> list[dict[str, float]]:
    """Commits a second by writers on the same few entities: blind ones, and such that expect what they read."""
    found = []
    print(f"{'writers':>8}{'commits/s':>11}{'p50 ms':>8}{'p95 ms':>8}{'counting/s':>12}{'refused':>9}")
    async with Neo4jStore(url) as store:
        await store.open()
        for writers in WRITERS:
            ids = (await store.commit(ChangeSet(tuple(_hot(n, 0) for n in range(HOT)), sources=(SOURCE,)))).entities
            blind, spent, _ = await _side_by_side(url, writers, seconds, _blind)
            counted, _, refused = await _side_by_side(url, writers, seconds, _counting(ids))
            left = sum([await _employees(store, one, None) for one in ids])
            spent.sort()
            row = {
                "writers": writers, "blind": blind / seconds, "p50": statistics.median(spent) * 1000,
                "p95": spent[len(spent) * 95 // 100] * 1000, "counting": counted / seconds, "refused": refused,
            }  # fmt: skip
            assert left >= counted, "an update was lost"
            found.append(row)
            print("{writers:8.0f}{blind:11.1f}{p50:8.1f}{p95:8.1f}{counting:12.1f}{refused:9.0f}".format(**row))
    return found


def _hot(which: int, employees: int) -> Put:
    return Put(RecordKey("register", f"hot{which}"), "Enterprise", {"name": f"hot{which}", "employees": employees})


async def _employees(store: Neo4jStore, entity: str, at: int | None) -> int:
    row = Rows(Obj((Field("n", Leaf(Prop("employees"))),)))
    query = Query((Root("it", Select(Ids("Enterprise", (entity,)), row)),), _now(), Time(system=at))
    found: int = orjson.loads(await store.execute(query, EVERYTHING))["it"][0]["n"]
    return found


def _now() -> int:
    return time.time_ns() // 1000


async def _blind(store: Neo4jStore, number: int) -> bool:
    # The name changes and the number stays, which the counting ones go on from.
    put = Put(RecordKey("register", f"hot{number % HOT}"), "Enterprise", {"name": f"hot {number}"}, patch=True)
    await store.commit(ChangeSet((put,), sources=(SOURCE,)))
    return True


def _counting(ids: tuple[str, ...]) -> Callable[[Neo4jStore, int], Awaitable[bool]]:
    async def count(store: Neo4jStore, number: int) -> bool:
        which = number % HOT
        at = (await store.clock()).system
        change = _hot(which, await _employees(store, ids[which], at) + 1)
        try:
            await store.commit(ChangeSet((change,), sources=(SOURCE,), expect=(Expect(ids[which], at),)))
        except StaleExpectation:
            return False
        return True

    return count


async def _side_by_side(
    url: str, writers: int, seconds: float, work: Callable[[Neo4jStore, int], Awaitable[bool]]
) -> tuple[int, list[float], int]:
    """How many succeeded, seconds of each, and how many were refused because another was there first."""
    spent: list[float] = []
    refused = 0
    until = time.perf_counter() + seconds

    async def write(number: int) -> None:
        nonlocal refused
        async with Neo4jStore(url, Access(patience_seconds=60.0)) as store:
            await store.open()
            turn = number * 1000
            while (begun := time.perf_counter()) < until:
                turn += 1
                if await work(store, turn):
                    spent.append(time.perf_counter() - begun)
                else:
                    refused += 1

    await asyncio.gather(*map(write, range(writers)))
    return len(spent), spent, refused


async def measure(server: Restarting, folder: Path, size: Size, seconds: float) -> dict[str, Any]:
    async with Neo4jStore(server.server.url, Access(patience_seconds=120.0, read_seconds=240.0)) as store:
        await store.migrate(SCHEMA)
        result = {"grown": await grow(store, server, size), "whole": await whole(store, folder)}
    return {**result, "writers": await crowd(server.server.url, seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--enterprises", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each number of writers")
    parser.add_argument("--version", default=LTS)
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    size = Size(1000 if said.small else said.enterprises)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        server = Restarting(folder / "neo4j", said.version)
        try:
            result = asyncio.run(measure(server, folder, size, 1.0 if said.small else said.seconds))
        finally:
            server.server.stop()
    if said.out:
        said.out.mkdir(parents=True, exist_ok=True)
        (said.out / "bench_scaling.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
