"""GraphQL over HTTP, the pages, limits, access."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from api.app import create_app
from api.auth.grants import Grant, Grants
from kg.errors import SettingsError
from kg.query.secure import EVERYTHING, PUBLIC, Scope
from kg.settings import Settings
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.api.conftest import Client

pytestmark = pytest.mark.anyio
FORM = "application/x-www-form-urlencoded"
COUNT = {"query": "{ plots { totalCount } }"}
GRANTS = Grants(
    (
        (hashlib.sha256(b"owner").digest(), Grant("owner", EVERYTHING)),
        (hashlib.sha256(b"guest").digest(), Grant("guest", PUBLIC)),
        (hashlib.sha256(b"plots").digest(), Grant("plots", Scope(classes=frozenset({"Plot"})))),
    )
)


async def test_post(client: Client) -> None:
    answer = await (await client()).post("/graphql", json=COUNT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"data": {"plots": {"totalCount": 1}}}


async def test_get(client: Client) -> None:
    http = await client()
    answer = await http.get(
        "/graphql", params={"query": "query($n: Int!) { plots(first: $n) { totalCount } }", "variables": '{"n": 1}'}
    )
    assert answer.json() == {"data": {"plots": {"totalCount": 1}}}


async def test_its_own_media_type_tells_refusals_by_status(client: Client) -> None:
    http = await client()
    accept = {"Accept": "application/graphql-response+json"}
    good = await http.post("/graphql", json=COUNT, headers=accept)
    bad = await http.post("/graphql", json={"query": "{ plot { nmae } }"}, headers=accept)
    assert (good.status_code, bad.status_code) == (200, 400)
    assert good.headers["content-type"] == "application/graphql-response+json"
    assert (await http.post("/graphql", json={"query": "{ plot { nmae } }"})).status_code == 200


@pytest.mark.parametrize(
    ("send", "status", "code"),
    [
        ({"content": b"query=x", "headers": {"Content-Type": FORM}}, 415, "QUERY_INVALID"),
        ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "QUERY_INVALID"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "QUERY_INVALID"),
        ({"json": "text"}, 400, "QUERY_INVALID"),
        ({"json": {"query": ""}}, 400, "QUERY_INVALID"),
        ({"json": {"query": "{ __typename }", "variables": []}}, 200, None),
        ({"json": {"query": "{ __typename }", "variables": [1]}}, 400, "QUERY_INVALID"),
        ({"json": {"query": "{ __typename }", "operationName": 1}}, 400, "QUERY_INVALID"),
        ({"json": []}, 400, "LIMIT_EXCEEDED"),
        ({"json": [COUNT] * 4}, 400, "LIMIT_EXCEEDED"),
        ({"json": {"query": "{" + " " * 3000 + "__typename }"}}, 413, "LIMIT_EXCEEDED"),
        ({"json": COUNT, "headers": {"Jingwei-As-Of": "yesterday"}}, 400, "QUERY_INVALID"),
        ({"json": COUNT, "headers": {"Jingwei-As-Of": "known=2025-01-01T00:00:00Z"}}, 400, "QUERY_INVALID"),
    ],
)  # fmt: skip
async def test_requests_that_are_refused(client: Client, send: dict[str, Any], status: int, code: str | None) -> None:
    answer = await (await client(max_batch=3, max_body_bytes=2048)).post("/graphql", **send)
    assert answer.status_code == status
    if code is not None:
        extensions = answer.json()["errors"][0]["extensions"]
        assert extensions["code"] == code
        assert extensions["remedy"]


async def test_a_batch_is_answered_in_order(client: Client) -> None:
    answer = await (await client()).post("/graphql", json=[COUNT, {"query": "{ nope }"}, {"query": "{ __typename }"}])
    found = answer.json()
    assert [list(one) for one in found] == [["data"], ["errors"], ["data"]]
    assert found[2] == {"data": {"__typename": "Query"}}


async def test_the_header_sets_the_instants(client: Client) -> None:
    http = await client()
    text = '{ enterprises(where: {name: {startsWith: "甲"}}) { nodes { name } } }'
    for header, name in (("2024-06-01T00:00:00Z", "甲芯科技"), ("valid=2025-06-01T00:00:00+08:00", "甲芯集团")):
        answer = await http.post("/graphql", json={"query": text}, headers={"Jingwei-As-Of": header})
        assert answer.json()["data"]["enterprises"]["nodes"] == [{"name": name}]
    early = await http.post(
        "/graphql",
        json={"query": text},
        headers={"Jingwei-As-Of": "valid=2025-01-20T00:00:00Z, system=2025-01-02T12:00:00Z"},
    )
    assert early.json()["data"]["enterprises"]["nodes"] == [{"name": "甲芯科技"}]


async def test_without_a_key_nobody_reads(client: Client, audit_lines: Callable[[], list[dict[str, Any]]]) -> None:
    http = await client(grants=GRANTS)
    for headers in ({}, {"Authorization": "Bearer nope"}, {"Authorization": "Basic owner"}, {"X-API-Key": "nope"}):
        answer = await http.post("/graphql", json=COUNT, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
        assert "WWW-Authenticate" in answer.headers
    assert (await http.get("/schema.graphql")).status_code == 401
    assert (await http.get("/graphql", params=COUNT)).status_code == 401
    assert (await http.get("/healthz")).json() == {"status": "ok"}
    assert {(e["grant"], e.get("status")) for e in audit_lines()} == {(None, 401)}


async def test_no_grants_file_refuses_everybody(client: Client) -> None:
    http = await client(grants=Grants())
    assert (await http.post("/graphql", json=COUNT, headers={"X-API-Key": "owner"})).status_code == 401


async def test_keys_open_their_scope(client: Client, audit_lines: Callable[[], list[dict[str, Any]]]) -> None:
    http = await client(grants=GRANTS)
    text = {"query": '{ enterprises(where: {name: {contains: "乙"}}) { nodes { name } } }'}
    owner = await http.post("/graphql", json=text, headers={"Authorization": "Bearer owner"})
    guest = await http.post("/graphql", json=text, headers={"X-API-Key": "guest"})
    plots = await http.post("/graphql", json=text, headers={"X-API-Key": "plots"})
    assert owner.json()["data"]["enterprises"]["nodes"] == [{"name": "乙材料（受控）"}]
    assert guest.json()["data"]["enterprises"]["nodes"] == [{"name": "乙材料"}]
    assert plots.json()["errors"][0]["extensions"]["code"] == "SCOPE_DENIED"
    lines = audit_lines()
    assert [line["grant"] for line in lines] == ["owner", "guest", "plots"]
    assert [line["errors"] for line in lines] == [0, 0, 1]
    assert lines[0]["text"] == text["query"]
    assert lines[0]["at"].startswith("2025-01-31T")


async def test_an_answer_that_cannot_be_recorded_is_not_given(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    http = await client()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("api.auth.audit.Audit.write", full)
    with pytest.raises(OSError, match="No space"):
        await http.post("/graphql", json=COUNT)


async def test_the_demo_answers_loopback_names_only(client: Client) -> None:
    for base, status in (("http://localhost:8000", 200), ("http://[::1]:8000", 200), ("http://evil.example:8000", 421)):
        assert (await (await client(base=base)).post("/graphql", json=COUNT)).status_code == status


async def test_an_open_demo_on_another_address_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path).model_copy(update={"demo": True, "host": "0.0.0.0"})
    with pytest.raises(SettingsError):
        create_app(settings, PARK, MemoryStore(PARK))


async def test_pages(client: Client) -> None:
    http = await client()
    page = await http.get("/graphql", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    sdl = await http.get("/schema.graphql")
    assert "type Enterprise implements" in sdl.text
    assert sdl.headers["x-content-type-options"] == "nosniff"


async def test_the_home_page_s_question_is_answered(client: Client, api: Any) -> None:
    from api.page import example

    answer = await (await client()).post("/graphql", json={"query": example(api)})
    assert answer.json()["data"]["things"]["totalCount"] == 7


async def test_a_store_that_fails_shows_in_health(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from kg.errors import StoreCorrupt

    async def corrupt(_self: object) -> None:
        raise StoreCorrupt("The file is damaged")

    monkeypatch.setattr(MemoryStore, "clock", corrupt)
    answer = await (await client()).get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "code": "STORE_CORRUPT"})


@pytest.mark.parametrize("batch", [False, True])
async def test_a_store_that_is_away_is_a_503_that_says_when_to_come_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    from kg.errors import StoreUnavailable

    async def away(*_: object) -> bytes:
        raise StoreUnavailable("The server cannot be reached", remedy="Send it again.")

    monkeypatch.setattr(MemoryStore, "execute", away)
    http = await client()
    one = {"query": "{ things { totalCount } }"}
    answer = await http.post("/graphql", json=[{"query": "{ __typename }"}, one] if batch else one)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    told = answer.json()[1] if batch else answer.json()
    assert told["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
    assert (await http.get("/", headers={"Accept": "text/html"})).headers["retry-after"] == "5"


async def test_a_bookmark_of_a_store_that_has_none_is_let_be(client: Client) -> None:
    answer = await (await client()).get("/healthz", headers={"Jingwei-Bookmark": "whatever"})
    assert answer.status_code == 200
    assert "jingwei-bookmark" not in answer.headers
