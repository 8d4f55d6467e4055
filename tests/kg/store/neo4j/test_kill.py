"""The server is killed (-9) in the midst of a load and of queries, and started again: nothing that was acknowledged is
lost, nothing is there twice, and writer and reader go on by themselves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kg.store.neo4j.connection import Access
from kg.store.neo4j.store import Neo4jStore
from kg.testing.contract import firm
from kg.testing.machine import FIRM_SCHEMA
from tests.kg.store.neo4j.test_commits import NOW, changes, names
from tools.neo4j.server import LTS, Unavailable, free_port, start

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio, pytest.mark.timeout(900)]

KILLS, SOAK_KILLS = 2, 10
COMMITS_A_LIFE = 6


async def survive(home: Path, version: str, kills: int) -> None:
    port = free_port()
    try:
        server = await asyncio.to_thread(start, home, version=version, port=port, wipe=True)
    except Unavailable as error:
        pytest.skip(str(error))
    acknowledged: list[Any] = []
    wanted = COMMITS_A_LIFE * (kills + 1)
    done = asyncio.Event()
    lives = [asyncio.Event() for _ in range(kills + 1)]
    try:
        async with Neo4jStore(server.url, Access(patience_seconds=240, read_seconds=480)) as store:
            await store.migrate(FIRM_SCHEMA)

            async def load() -> None:
                for n in range(wanted):
                    change_set = changes(firm(f"a/{n}", name=str(n)), key=f"k{n}" if n % 2 else "")
                    acknowledged.append(await store.commit(change_set, now=NOW + n))
                    if len(acknowledged) % COMMITS_A_LIFE == 0:
                        lives[len(acknowledged) // COMMITS_A_LIFE - 1].set()
                done.set()

            async def ask() -> int:
                asked = 0
                while not done.is_set():
                    before = len(acknowledged)
                    found, different = await names(store)
                    assert before <= found == different <= len(acknowledged) + 1
                    asked += 1
                return asked

            loading, asking = asyncio.create_task(load()), asyncio.create_task(ask())
            for life in range(1, kills + 1):
                grown = asyncio.create_task(lives[life - 1].wait())
                await asyncio.wait([grown, loading], return_when=asyncio.FIRST_COMPLETED)
                server.kill()
                server = await asyncio.to_thread(start, home, version=version, port=port)
            await loading
            assert await asking > kills
            assert [r.seq for r in acknowledged] == list(range(1, wanted + 1))
            assert {r.loaded for r in acknowledged} == {1}
            assert await names(store) == (wanted, wanted)
            assert (await store.clock()).seq == wanted
            assert [await store.receipt(f"k{n}") for n in range(1, wanted, 2)] == acknowledged[1::2]
            assert await store.check() == ()
    finally:
        server.kill()


async def test_killed_in_a_load(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    await survive(tmp_path, request.config.getoption("--neo4j-version") or LTS, KILLS)


@pytest.mark.soak
async def test_killed_often(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    await survive(tmp_path, request.config.getoption("--neo4j-version") or LTS, SOAK_KILLS)
