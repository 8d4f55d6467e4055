"""Our Neo4j store against hand-written Cypher on a layout without clocks, and against @neo4j/graphql, in one run.

    python benchmarks/bench_neo4j.py [--small] [--scale N] [--seconds S] [--out FOLDER]

Facts are invented (`benchmarks/neo4j_peers/facts.py`), and loaded twice into one server that is started for it: by the
raw driver, `UNWIND … MERGE`, into the layout that one would draw by hand; and by our commits, with validation,
claims, sources and both clocks, batch by batch in turn. Answers are compared first; a question whose answers differ
ends the run. Then all systems answer over HTTP, ours and the hand-written Cypher behind the same bare handler, in
turns: requests/s by 8 clients in a process of their own (median of the turns), the median and 95th percentile of a
request, and the median of the ratios of turns that followed each other. `--sqlite` asks the SQLite store in place of
ours on Neo4j.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import neo4j
import orjson
import uvicorn

from api.cli import collect_rarely
from benchmarks.neo4j_peers import natural, ours, peer
from benchmarks.neo4j_peers.clients import Clients, Way, asked
from benchmarks.neo4j_peers.facts import SCHEMA, Size, change_sets, relations
from benchmarks.neo4j_peers.natural import batches
from kg.model.changes import Put
from kg.query.secure import EVERYTHING
from kg.store.open import open_store
from tools.neo4j.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.store.base import Store

BATCH = 1000
ROUNDS = 6
WARMING = 1 / 3
"""Which part of the batches of each kind only warms caches and the JVM."""


# ---------------------------------------------------------------- loading


@dataclass
class Loading:
    """Seconds of each batch, ours and the raw driver's in turn, over the same facts."""

    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ours: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    raw: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def figures(self) -> dict[str, dict[str, float]]:
        """By kind of batch: rows a second, and the median of the batches' ratios, those that only warm left out."""
        out = {}
        for kind, rows in self.rows.items():
            warm = int(len(rows) * WARMING)
            ours, raw = self.ours[kind][warm:], self.raw[kind][warm:]
            out[kind] = {"ours": sum(rows[warm:]) / sum(ours)}
            if raw:
                ratios = [theirs / mine for mine, theirs in zip(ours, raw, strict=True)]
                out[kind] |= {"raw": sum(rows[warm:]) / sum(raw), "ratio": statistics.median(ratios)}
        return out


async def load(store: Store, driver: neo4j.Driver, size: Size) -> tuple[Loading, dict[str, str]]:
    """Both layouts; and our id of each fact's key, which the hand-made nodes get too, so that answers are equal."""
    loading, ids = Loading(), dict[str, str]()
    natural.indexes(driver)
    related = batches(relations(size), BATCH)
    for kind, change_set, clock in change_sets(size, BATCH):
        begun = time.perf_counter()
        receipt = await store.commit(change_set, now=clock)
        loading.ours[kind].append(time.perf_counter() - begun)
        loading.rows[kind].append(len(change_set.changes))
        puts = [change.record.local for change in change_set.changes if isinstance(change, Put)]
        ids |= dict(zip(puts, receipt.entities, strict=True))
        if kind in {"others", "version 1"}:
            by_hand = natural.node_statements(puts, ids)
        elif kind == "relations":
            by_hand = natural.relation_statements(next(related), ids)
        else:
            continue
        begun = time.perf_counter()
        natural.write(driver, by_hand)
        loading.raw[kind].append(time.perf_counter() - begun)
    return loading, ids


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
        body = await handlers[system](unquote(name))
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

    async def fill() -> tuple[Loading, dict[str, str]]:
        async with await open_store(store_url, SCHEMA, create=True) as store:
            return await load(store, driver, size)

    driver.execute_query("UNWIND range(1, 1000) AS n RETURN sum(n)")  # a server's first statement takes long
    loading, ids = asyncio.run(fill())
    driver.close()
    result: dict[str, Any] = {"loading, rows/s": loading.figures(), "questions": {}}
    for kind, found in result["loading, rows/s"].items():
        print(f"{kind:12}", " ".join(f"{name} {value:9.2f}" for name, value in found.items()), flush=True)

    chosen = sampled(ids, size)
    by_hand, queries, posed = natural.questions(*chosen), ours.questions(*chosen), peer.questions(*chosen)
    by_hand["500 representations"] = by_hand["500 ids"]
    by_hand["near, @cypher"], queries["near, @cypher"] = by_hand["near"], queries["near"]
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
    with behind_a_bare_handler(handlers) as bare, peer.serving(url) as apollo, Clients() as clients:
        for name in queries:
            ways = {
                "ours": Way(bare, f"/ours/{quote(name)}"),
                "hand": Way(bare, f"/hand/{quote(name)}"),
                "peer": Way(apollo, "/", posed[name].body),
            }
            result["questions"][name] = _turns(name, ways, posed[name], clients, seconds)
    return result


def _turns(
    name: str, ways: dict[str, Way], posed: peer.Posed, clients: Clients, seconds: float
) -> dict[str, list[float] | float]:
    answers = {who: orjson.loads(asked(way)) for who, way in ways.items()}
    if "errors" in answers["peer"]:
        raise SystemExit(f"{name}: {answers['peer']['errors']}")
    other = posed.read(answers["peer"]["data"])
    compare(name, answers["ours"]["it"], answers["hand"]["it"], other, ordered=posed.ordered)
    rates: dict[str, list[float]] = {who: [] for who in ways}
    took: dict[str, list[float]] = {who: [] for who in ways}
    for number in range(ROUNDS + 1):
        for who, way in ways.items():
            per_second, requests = clients.turn(way, seconds)
            if number:  # the first turn warms caches and the JVM
                rates[who].append(per_second)
                took[who] += requests
    found: dict[str, list[float] | float] = {}
    line = f"{name:20}"
    for who in ways:
        in_order = sorted(took[who])
        p50, p95 = (1e3 * in_order[int(part * (len(in_order) - 1))] for part in (0.5, 0.95))
        found[who] = [statistics.median(rates[who]), p50, p95]
        line += f" {who} {statistics.median(rates[who]):7.1f}/s p50 {p50:7.1f} p95 {p95:7.1f} |"
    for who in ("hand", "peer"):
        ratio = statistics.median(a / b for a, b in zip(rates["ours"], rates[who], strict=True))
        found[f"ours/{who}"] = ratio
        line += f" ours/{who} {ratio:6.2f}"
    print(line, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    size = Size(2000 if said.small else 20_000 * said.scale)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(
            Path(folder) / "neo4j", heap="768m" if said.scale == 1 else "3g", cache="256m" if said.scale == 1 else "3g"
        ) as server,
    ):
        store = f"sqlite:///{folder}/bench.db" if said.sqlite else server.url
        result = measure(server.url, store, size, 0.5 if said.small else said.seconds)
    if said.out:
        said.out.mkdir(parents=True, exist_ok=True)
        (said.out / "bench_neo4j.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
