"""`jingwei serve` on Neo4j, as processes: several beside loaders; a server that goes away, fills up, and comes back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples import firms
from kg.errors import StoreUnavailable
from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.store.neo4j.connection import Access
from kg.store.neo4j.store import Neo4jStore
from tests.kg.store.neo4j.test_contract import fresh
from tools.neo4j.server import LTS, Unavailable, free_port, start

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
COUNT = {"query": "{ enterprises { totalCount } }"}
NOW = 1_800_000_000_000_000


def _environment(**settings: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PATH": os.defpath, **{f"JINGWEI_{k}": v for k, v in settings.items()}}


@contextmanager
def worker(url: str, folder: Path, **settings: str) -> Iterator[httpx.Client]:
    """One process that serves the store."""
    folder.mkdir()
    command = [sys.executable, "-m", "api.cli", "serve", "--demo", "--port", "0", "--store", url]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=log, env=_environment(**settings)
        ) as process,
    ):
        assert process.stdout is not None
        try:
            line = process.stdout.readline().decode()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found is not None, line + (folder / "log").read_text()
            with httpx.Client(base_url=found.group(), timeout=60) as http:
                yield http
        finally:
            process.send_signal(signal.SIGTERM)
    assert "Traceback" not in (folder / "log").read_text()


def load(url: str, folder: Path, name: str, rows: int) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    lines = [f"{name}{n},{name} {n} 示例公司" for n in range(rows)]
    (folder / f"{name}.csv").write_text("\n".join(["id,name", *lines]), encoding="utf-8")
    command = [
        sys.executable, "-m", "api.cli", "load", f"{name}.csv", "--class", "Enterprise", "--store", url, "--json",
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    )


def test_workers_read_what_others_wrote(neo4j_url: str, tmp_path: Path) -> None:
    """Two workers and two loaders on one server, by its routing URL: who shows a bookmark reads what was written."""
    routing = neo4j_url.replace("bolt://", "neo4j://")

    async def prepare() -> None:
        async with await fresh(neo4j_url, firms.schema()):
            pass

    asyncio.run(prepare())
    with ExitStack() as stack:
        slow = {"STATEMENT_TIMEOUT_SECONDS": "120"}  # plans are made for the first time, on a busy machine
        one = stack.enter_context(worker(routing, tmp_path / "one", **slow))
        other = stack.enter_context(worker(neo4j_url, tmp_path / "other", **slow))
        assert one.post("/graphql", json=COUNT).json() == {"data": {"enterprises": {"totalCount": 0}}}
        loaders = [load(routing, tmp_path / name, name, 300) for name in ("a", "b")]
        receipts = []
        for loader in loaders:
            out, err = loader.communicate(timeout=300)
            assert loader.returncode == 0, err
            receipts.append(json.loads(out))
        assert [r["loaded"] for r in receipts] == [300, 300]
        shown = receipts[-1]["bookmark"]
        answer = other.post("/graphql", json=COUNT, headers={"Jingwei-Bookmark": shown})
        assert answer.json() == {"data": {"enterprises": {"totalCount": 600}}}
        mine = answer.headers["jingwei-bookmark"]
        assert mine != shown
        again = one.post("/graphql", json=COUNT, headers={"Jingwei-Bookmark": mine})
        assert again.json() == answer.json()
        assert "jingwei-bookmark" in one.get("/", headers={"Jingwei-Bookmark": mine}).headers
        wrong = one.post("/graphql", json=COUNT, headers={"Jingwei-Bookmark": mine[:-3]})
        assert (wrong.status_code, wrong.json()["errors"][0]["extensions"]["code"]) == (400, "QUERY_INVALID")


# ---------------------------------------------------------------- away, full, and back


def _await(http: httpx.Client, status: int, seconds: float = 120.0) -> httpx.Response:
    until = time.monotonic() + seconds
    while True:
        answer = http.post("/graphql", json=COUNT)
        if answer.status_code == status or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def firm(number: int) -> ChangeSet:
    put = Put(RecordKey("a", str(number)), "Enterprise", {"name": f"示例 {number} " + "x" * 2000})
    return ChangeSet((put,), sources=(Source("a"),), key=f"k{number}")


def test_a_full_disk_and_a_crash_lose_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The server may write no more (its files reach a limit, as on a full disk), then is killed and started again.

    Neo4j stops a database that cannot write its log until it is restarted; the service goes on by itself then.
    """
    version, port = request.config.getoption("--neo4j-version") or LTS, free_port()
    try:
        server = start(tmp_path / "home", version=version, port=port, wipe=True)
    except Unavailable as error:
        pytest.skip(str(error))
    acknowledged: list[int] = []
    unknown: list[int] = []

    async def write(numbers: range | list[int], *, until_full: bool = False) -> None:
        async with Neo4jStore(server.url, Access(patience_seconds=2.0 if until_full else 120.0)) as store:
            await store.migrate(firms.schema())
            for number in numbers:
                try:
                    receipt = await store.commit(firm(number), now=NOW)
                except StoreUnavailable:
                    assert until_full
                    unknown.append(number)
                    return
                assert receipt.entities
                acknowledged.append(number)

    async def clean() -> bool:
        async with Neo4jStore(server.url, Access(patience_seconds=120.0)) as store:
            assert await store.open()
            return await store.check() == ()

    try:
        asyncio.run(write(range(5)))
        # A worker gives up on a read after half of this.
        with worker(server.url, tmp_path / "worker", STATEMENT_TIMEOUT_SECONDS="20") as http:
            assert _await(http, 200).json() == {"data": {"enterprises": {"totalCount": 5}}}
            log = max(
                (tmp_path / "home/data/transactions/neo4j").glob("neostore.transaction.db.*"), key=lambda p: p.name
            )
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 30_000, resource.RLIM_INFINITY))
            asyncio.run(write(range(5, 500), until_full=True))
            assert unknown, "the server could write all the time"
            full = _await(http, 503)
            _is_away(full)
            health = http.get("/healthz")
            assert (health.status_code, health.headers["retry-after"]) == (503, "5")
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            server.kill()
            _is_away(_await(http, 503))
            assert http.get("/", headers={"Accept": "text/html"}).status_code == 503
            server = start(tmp_path / "home", version=version, port=port)
            back = _await(http, 200)
            found = back.json()["data"]["enterprises"]["totalCount"]
            assert found - len(acknowledged) in {0, 1}, "lost, or twice"
            lost = list(unknown)
            asyncio.run(write(lost))  # the same change with its key: made once, whether it had been made or not
            assert _await(http, 200).json() == {"data": {"enterprises": {"totalCount": len(acknowledged)}}}
        assert asyncio.run(clean())
    finally:
        server.kill()


def _is_away(answer: httpx.Response) -> Any:
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
