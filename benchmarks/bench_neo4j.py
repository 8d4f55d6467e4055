"""Our Neo4j store against hand-written Cypher on a layout without clocks, and against @neo4j/graphql, in one run.

    python benchmarks/bench_neo4j.py [--small] [--scale N] [--seconds S] [--out FOLDER]

Facts are invented (`benchmarks/neo4j_peers/facts.py`), and loaded twice into one server that is started for it: by the
raw driver, `UNWIND … MERGE`, into the layout that one would draw by hand; and by our commits, with validation,
claims, sources and both clocks. Answers are compared first; a question whose answers differ ends the run. Then all
systems answer over HTTP, ours and the hand-written Cypher behind the same bare handler, in turns: requests/s by 8
clients, and the median and 95th percentile of a request. `--sqlite` asks the SQLite store in place of ours on Neo4j.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import neo4j
import orjson
import uvicorn

from api.cli import collect_rarely
from benchmarks.neo4j_peers import natural, ours, peer
from benchmarks.neo4j_peers.facts import SCHEMA, Size, change_sets
from kg.query.secure import EVERYTHING
from kg.store.base import Scan
from kg.store.open import open_store
from tools.neo4j.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.store.base import Store

BATCH = 1000
CLIENTS = 8
ROUNDS = 3
Handler = "Callable[[str], Awaitable[bytes]]"


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, and milliseconds of a request."""

    per_second: float
    median: float
    p95: float


# ---------------------------------------------------------------- loading


async def load_ours(store: Store, size: Size) -> dict[str, float]:
    """Rows a second by kind, all that the port's commit does included."""
    spent: dict[str, float] = {}
    rows: dict[str, int] = {}
    for kind, change_set, clock in change_sets(size, BATCH):
        begun = time.perf_counter()
        await store.commit(change_set, now=clock)
        spent[kind] = spent.get(kind, 0.0) + time.perf_counter() - begun
        rows[kind] = rows.get(kind, 0) + len(change_set.changes)
    return {kind: rows[kind] / spent[kind] for kind in rows}


async def ids_of(store: Store, size: Size) -> dict[str, str]:
    """Our id of each fact's key, by name or code: what the hand-made nodes are given, so that answers are equal."""
    from benchmarks.neo4j_peers.facts import NOW, enterprise

    wanted = {enterprise(i)["name"]: f"e{i}" for i in range(size.enterprises)}
    wanted |= {f"园区{i}": f"s{i}" for i in range(size.sites)} | {f"产品{i}": f"p{i}" for i in range(size.products)}
    found = {}
    for cls in ("Enterprise", "Site", "Product"):
        async for batch in store.scan(Scan(NOW, cls=cls, properties=("name",)), EVERYTHING):
            for one, name in zip(batch.column("id").to_pylist(), batch.column("name").to_pylist(), strict=True):
                found[wanted[name]] = one
    return found


# ---------------------------------------------------------------- serving and asking


@contextmanager
def behind_a_bare_handler(handlers: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """POST /system/question, answered by bytes: uvicorn in a thread of its own, with a loop of its own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        system, _, name = scope["path"].strip("/").partition("/")
        body = await handlers[system](name)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield "127.0.0.1", server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


def asked(address: tuple[str, int], path: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection(*address, timeout=120)
    try:
        return _one(connection, path, body)
    finally:
        connection.close()


def _one(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status}\n{answer[:2000]!r}")
    return answer


def rate(address: tuple[str, int], path: str, body: bytes, seconds: float) -> Rate:
    """By clients side by side, each with a connection that it keeps."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    def client(_: int) -> None:
        connection = http.client.HTTPConnection(*address, timeout=120)
        while (begun := time.perf_counter()) < end:
            _one(connection, path, body)
            took.append(time.perf_counter() - begun)
        connection.close()

    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    spent = time.perf_counter() - begun
    took.sort()
    return Rate(len(took) / spent, 1e3 * statistics.median(took), 1e3 * took[int(0.95 * (len(took) - 1))])


# ---------------------------------------------------------------- comparing


def compare(name: str, mine: Any, hand: Any, other: Any, *, ordered: bool) -> None:
    """Ends the run where answers differ."""

    def shown(value: Any) -> str:
        if not ordered and isinstance(value, list):
            value = sorted(value, key=lambda one: json.dumps(one, sort_keys=True))
        return json.dumps(value, sort_keys=True, ensure_ascii=False)

    def numbers(value: Any) -> Any:
        """JavaScript writes 3.0 as 3."""
        return json.loads(json.dumps(value), parse_int=float)

    if name == "closure" and other is not None:
        mine, hand = ([{"id": one["id"]} for one in value] for value in (mine, hand))
    for who, theirs in (("by hand", hand), ("@neo4j/graphql", other)):
        if theirs is not None and shown(numbers(mine)) != shown(numbers(theirs)):
            raise SystemExit(f"{name}: ours and {who} differ\n{shown(mine)[:1500]}\n{shown(theirs)[:1500]}")


def sampled(ids: dict[str, str], size: Size) -> tuple[list[str], str, list[str], str]:
    rng = random.Random(3)
    sample = [ids[f"e{i}"] for i in rng.sample(range(size.enterprises), min(500, size.enterprises // 2))]
    sites = [ids[f"s{i}"] for i in range(max(1, size.sites // 20))]
    return sample, ids["s1"], sites, ids[f"e{size.enterprises - 1}"]


def measure(url: str, store_url: str, size: Size, seconds: float) -> dict[str, Any]:
    collect_rarely()
    driver = neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF")

    async def fill() -> tuple[dict[str, float], dict[str, str], Any]:
        async with await open_store(store_url, SCHEMA, create=True) as store:
            rates = await load_ours(store, size)
            ids = await ids_of(store, size)
            return rates, ids, sampled(ids, size)

    rates, ids, chosen = asyncio.run(fill())
    natural.indexes(driver)
    begun = time.perf_counter()
    raw = {"nodes": natural.load_nodes(driver, size, ids, BATCH) / (time.perf_counter() - begun)}
    begun = time.perf_counter()
    raw["relations"] = natural.load_relations(driver, size, ids, BATCH) / (time.perf_counter() - begun)
    result: dict[str, Any] = {"ours, rows/s": rates, "raw driver, rows/s": raw, "questions": {}}
    print("rows/s, ours:", {k: round(v) for k, v in rates.items()}, "raw:", {k: round(v) for k, v in raw.items()})

    by_hand, queries, posed = natural.questions(*chosen), ours.questions(*chosen), peer.questions(*chosen)
    by_hand["500 representations"] = by_hand["500 ids"]
    opened: dict[str, Any] = {}

    async def answer_ours(name: str) -> bytes:
        if "store" not in opened:
            opened["store"] = await open_store(store_url, SCHEMA)
        found: bytes = await opened["store"].execute(queries[name], EVERYTHING)
        return found

    async def answer_by_hand(name: str) -> bytes:
        if "driver" not in opened:
            opened["driver"] = neo4j.AsyncGraphDatabase.driver(url, notifications_min_severity="OFF")
        return await by_hand[name].answer(opened["driver"])

    handlers = {"ours": answer_ours, "hand": answer_by_hand}
    with behind_a_bare_handler(handlers) as bare, peer.serving(url) as apollo:
        for name in queries:
            path = name.replace(" ", "%20")
            ways = {
                "ours": (bare, f"/ours/{name}".replace(" ", "%20"), b""),
                "hand": (bare, f"/hand/{path}", b""),
                "peer": (apollo, "/", posed[name].body),
            }
            result["questions"][name] = _turns(name, ways, posed[name], seconds)
    driver.close()
    return result


def _turns(name: str, ways: dict[str, Any], posed: peer.Posed, seconds: float) -> dict[str, Any]:
    answers = {who: orjson.loads(asked(*way)) for who, way in ways.items()}
    if "errors" in answers["peer"]:
        raise SystemExit(f"{name}: {answers['peer']['errors']}")
    other = posed.read(answers["peer"]["data"])
    compare(name, answers["ours"]["it"], answers["hand"]["it"], other, ordered=posed.ordered)
    found: dict[str, list[Rate]] = {who: [] for who in ways}
    for number in range(ROUNDS + 1):
        for who, way in ways.items():
            address, path, body = way
            measured = rate(address, path, body, seconds)
            if number:  # the first turn warms caches and the JVM
                found[who].append(measured)
    best = {who: max(rates, key=lambda one: one.per_second) for who, rates in found.items()}
    line = " ".join(
        f"{who} {one.per_second:8.1f}/s p50 {one.median:7.1f} p95 {one.p95:7.1f} |" for who, one in best.items()
    )
    to_hand = best["ours"].per_second / best["hand"].per_second
    to_peer = best["ours"].per_second / best["peer"].per_second
    print(f"{name:20} {line} ours/hand {to_hand:5.2f} ours/peer {to_peer:7.2f}", flush=True)
    return {who: [one.per_second, one.median, one.p95] for who, one in best.items()} | {
        "ours/hand": to_hand, "ours/peer": to_peer,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each turn")
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    size = Size(2000 if said.small else 20_000 * said.scale)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "neo4j") as server:
        store = f"sqlite:///{folder}/bench.db" if said.sqlite else server.url
        result = measure(server.url, store, size, 0.5 if said.small else said.seconds)
    if said.out:
        said.out.mkdir(parents=True, exist_ok=True)
        (said.out / "bench_neo4j.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
