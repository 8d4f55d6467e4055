"""The demo park in Neo4j: the competency questions over HTTP, and what docs/neo4j.md asks in Cypher."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from api import cli
from examples import firms, generate
from kg.ingest.manifest import load_all, read_manifest
from kg.schema.questions import read_questions
from kg.settings import Settings
from kg.store.open import open_store
from loaders.registry import open_table
from tests.examples.test_questions import over_http
from tests.kg.store.neo4j.test_contract import fresh

if TYPE_CHECKING:
    from neo4j import Driver

pytestmark = pytest.mark.neo4j

ROOT = Path(__file__).parents[4]
PARK = Path(generate.__file__).parent / "park"
BLOCK = re.compile(r"<!-- not run: needs a server;.*?-->\s*```cypher\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def answers(neo4j_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The park loaded by the ordinary loaders, and all that it is asked."""
    schema, manifest = firms.schema(), read_manifest(PARK / "park.yaml")

    async def work() -> dict[str, Any]:
        store = await fresh(neo4j_url, schema)
        async with store:
            async for _ in load_all(store, PARK, manifest, open_table):
                pass
            assert await store.check() == ()
            return await over_http(store, schema, manifest, tmp_path_factory.mktemp("park"))

    return asyncio.run(work())


@pytest.mark.timeout(600)
def test_the_competency_questions_have_their_answers(answers: dict[str, Any]) -> None:
    assert answers == {one.id: {"data": one.expected} for one in read_questions().all}


def _blocks() -> list[str]:
    return BLOCK.findall((ROOT / "docs/neo4j.md").read_text(encoding="utf-8"))


def test_there_are_ten() -> None:
    assert len(_blocks()) == 10


@pytest.mark.parametrize("number", range(10))
def test_what_the_page_asks_in_cypher_is_answered(answers: dict[str, Any], number: int, neo4j_driver: Driver) -> None:
    assert answers
    assert neo4j_driver.execute_query(_blocks()[number]).records


@pytest.mark.timeout(900)
@pytest.mark.parametrize("back", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_a_copy_answers_alike(
    answers: dict[str, Any], neo4j_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    """`jingwei copy` takes claims and both clocks along: the questions ask of the past as well. And `back` again."""
    schema, manifest = firms.schema(), read_manifest(PARK / "park.yaml")
    file, patient = f"sqlite:///{tmp_path}/copy.db", Settings(statement_timeout_seconds=120)

    async def ask(url: str) -> tuple[dict[str, Any], Any]:
        async with await open_store(url, schema, create=False, settings=patient) as store:
            return await over_http(store, schema, manifest, tmp_path), await store.runs()

    async def wipe() -> None:
        async with await fresh(neo4j_url, schema):
            pass

    monkeypatch.chdir(tmp_path)
    before, runs = asyncio.run(ask(neo4j_url))
    assert before == answers
    _command(monkeypatch, "copy", "--from", neo4j_url, "--to", file)
    assert asyncio.run(ask(file)) == (answers, runs)
    if back:
        asyncio.run(wipe())
        _command(monkeypatch, "copy", "--from", file, "--to", neo4j_url)
        assert asyncio.run(ask(neo4j_url)) == (answers, runs)


def _command(monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    monkeypatch.setattr(sys, "argv", ["jingwei", *args])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in {0, None}
