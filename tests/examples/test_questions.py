"""The competency questions: each has its answer, over HTTP and by the command, on the memory store and on SQLite."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api import cli
from api.app import create_app
from kg.errors import SchemaError
from kg.ingest.manifest import Loaded, Manifest, micros
from kg.schema.questions import Question, questions_page, read_questions
from kg.settings import Settings
from kg.store.open import open_store
from tests.examples import reckoning

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store
    from kg.store.memory import MemoryStore

QUESTIONS = read_questions()


async def over_http(store: Store, schema: Schema, manifest: Manifest, folder: Path) -> dict[str, Any]:
    """The answer to each question by its id, from the whole application."""
    app = create_app(Settings(data_dir=folder, demo=True), schema, store, clock=lambda: micros(manifest.today))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000") as client:
        return {one.id: await _asked(client, one) for one in QUESTIONS.all}


async def _asked(client: httpx.AsyncClient, question: Question) -> Any:
    body = {"query": question.graphql, "variables": dict(question.variables)}
    answer = await client.post("/graphql", json=body, headers={"Jingwei-As-Of": question.as_of})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_all_are_answered_over_http_on_both_stores(
    park: tuple[MemoryStore, list[Loaded]], park_url: str, schema: Schema, manifest: Manifest, tmp_path: Path
) -> None:
    async def on_sqlite() -> dict[str, Any]:
        async with await open_store(park_url, schema, create=False) as store:
            return await over_http(store, schema, manifest, tmp_path)

    memory = asyncio.run(over_http(park[0], schema, manifest, tmp_path))
    expected = {one.id: {"data": one.expected} for one in QUESTIONS.all}
    assert memory == expected
    assert asyncio.run(on_sqlite()) == expected


@pytest.mark.parametrize("question", QUESTIONS.all, ids=lambda one: one.id)
def test_the_command_answers_alike(
    question: Question, park_url: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    variables = json.dumps(dict(question.variables))
    args = ["query", question.graphql, "--variables", variables, "--as-of", question.as_of, "--store", park_url]
    monkeypatch.setattr(sys, "argv", ["jingwei", *args])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfdbinary.readouterr()
    assert ended.value.code in {0, None}, err.decode()
    assert json.loads(out) == {"data": question.expected}


# What only an index or a person can tell: found by pinyin, and joined in error (a decision of the manifest).
NOT_RECKONED = {"found-by-pinyin", "joined-in-error"}


@pytest.mark.parametrize("question", QUESTIONS.all, ids=lambda one: one.id)
def test_the_answer_follows_from_the_source_files(question: Question) -> None:
    reckon = getattr(reckoning, question.id.replace("-", "_"), None)
    assert (reckon is None) == (question.id in NOT_RECKONED), "a question without a reckoning"
    if reckon is not None:
        assert reckon() == question.expected


def test_they_are_what_they_should_be(manifest: Manifest) -> None:
    assert (len(QUESTIONS.all), len(QUESTIONS.page)) == (30, 10)
    for one in QUESTIONS.all:
        assert micros(one.valid) <= micros(manifest.today) or one.id == "plots-of-next-year"
        assert micros(one.system) <= micros(manifest.today)
        assert any("\u4e00" <= char <= "\u9fff" for char in one.zh), one.id
        assert not any("\u4e00" <= char <= "\u9fff" for char in one.en), one.id


def test_the_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "questions.md"
    assert page.read_text(encoding="utf-8") == questions_page(QUESTIONS), "run make docs"


GOOD = (
    "{id: a, zh: 问, en: ask, graphql: '{a}', expected: {a: 1}, "
    "asOf: {valid: 2026-01-01T00:00:00Z, system: 2026-01-01T00:00:00Z}}"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"questions: [{GOOD.replace('asOf', 'as_of')}]", "asOf"),
        (f"questions: [{GOOD.replace('a: 1', 'a: 2026-01-01')}]", "stand in quotes"),
        (f"questions: [{GOOD.replace('00Z', '00')}]", "timezone"),
        (f"questions: [{GOOD}, {GOOD}]", "Two questions have one id"),
        ("questions: []", "at least 1 item"),
        ("questions: [", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "questions.yaml"
    path.write_text(f"questions: [{GOOD}]", encoding="utf-8")
    assert [one.as_of for one in read_questions(path).all] == [
        "valid=2026-01-01T00:00:00Z, system=2026-01-01T00:00:00Z"
    ]
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=says):
        read_questions(path)
    with pytest.raises(SchemaError, match="cannot be read"):
        read_questions(tmp_path / "none.yaml")
