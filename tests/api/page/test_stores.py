"""Every store shows the same pages, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.app import create_app
from kg.schema.questions import Question
from kg.settings import Settings
from kg.store.memory import MemoryStore
from kg.store.open import open_store
from kg.testing.schemas import PARK
from tests.api.graphql import park
from tests.api.page.test_answers import EARLY, LATEST, NOW
from tests.api.page.test_pages import PATHS

if TYPE_CHECKING:
    from pathlib import Path

    from kg.store.base import Store

pytestmark = pytest.mark.anyio
ASKED = (
    """{ enterprises(where: {employees: {gt: 10}}, orderBy: [{name: asc}]) { totalCount nodes { name registeredCapital
       tags suppliedBy(edgeOrderBy: [{share: desc}]) { edges { share product { name } node { name } } }
       suppliesToClosure { edges { depth node { name } } } conflicts { property value source chosen } } } }""",
    "{ enterpriseAggregate(groupBy: [status]) { count group { status } sum { registeredCapital } } }",
)
QUESTIONS = tuple(
    Question(f"q{i}", "问", "Asked", text, {}, {}, valid, LATEST, page=True)
    for i, (text, valid) in enumerate((text, valid) for text in ASKED for valid in (NOW, EARLY))
)
MORE = (
    *PATHS,
    "/e/{a}?valid=2024-06-01&known=2025-01-02",
    "/search?q=jx",
    "/c/Thing?sort=-name",
    "/around.geojson?bbox=121,31,122,32",
    "/e/{a}?valid=2020-01-01",
)


async def shown(store: Store, folder: Path) -> dict[str, Any]:
    ids = await park.load(store)
    # A plan made for the first time on a busy machine takes longer than an answer may.
    settings = Settings(data_dir=folder, demo=True, statement_timeout_seconds=120)
    app = create_app(settings, PARK, store, clock=lambda: park.NOW, questions=QUESTIONS)
    out = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
        for path in MORE:
            answer = await http.get(path.format(**ids), headers={"Accept": "text/html", "Accept-Language": "en"})
            out[path] = (answer.status_code, answer.text)
    return out


async def compare(store: Store, folder: Path) -> None:
    found, right = await shown(store, folder), await shown(MemoryStore(PARK), folder)
    for path in MORE:
        assert found[path] == right[path], path
    assert "could not be answered" not in right["/"][1]
    assert {status for status, _ in right.values()} == {200, 404}


async def test_sqlite(tmp_path: Path) -> None:
    async with await open_store(f"sqlite:///{tmp_path}/p.db", PARK, create=True) as store:
        await compare(store, tmp_path)


@pytest.mark.neo4j
async def test_neo4j(neo4j_url: str, tmp_path: Path) -> None:
    from tests.kg.store.neo4j.test_contract import fresh

    async with await fresh(neo4j_url, PARK) as store:
        await compare(store, tmp_path)
