"""Questions end to end over the memory store; the compiled way against plain Strawberry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from api.graphql.engine import Answer, Engine, Request
from kg.errors import StoreBusy
from kg.query.algebra import Time
from kg.query.secure import EVERYTHING, PUBLIC, Scope
from kg.settings import Settings
from kg.store.open import open_store
from kg.testing.schemas import PARK
from tests.api.graphql import park

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.graphql.schema import GraphQLApi
    from kg.store.base import Store

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["memory:", "sqlite"])
async def loaded(
    request: pytest.FixtureRequest, anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Store, dict[str, str]]]:
    url = request.param if request.param != "sqlite" else f"sqlite:///{tmp_path_factory.mktemp('graphql')}/park.db"
    async with await open_store(url, PARK) as store:
        yield store, await park.load(store)


@pytest.fixture
def engine(api: GraphQLApi, loaded: tuple[Store, dict[str, str]]) -> Engine:
    return Engine(api, loaded[0], Settings(), lambda: park.NOW)


@pytest.fixture
def ids(loaded: tuple[Store, dict[str, str]]) -> dict[str, str]:
    return loaded[1]


async def ask(engine: Engine, text: str, scope: Scope = EVERYTHING, **variables: Any) -> Any:
    answer = await engine.answer(Request(text, variables), scope)
    body = json.loads(answer.body)
    assert "errors" not in body, body["errors"]
    return body["data"]


def errors(answer: Answer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer.body)["errors"]
    return found


QUESTIONS = [
    "{ enterprises(orderBy: [{name: asc}]) { totalCount nodes { id __typename name founded tags status listed } } }",
    """{ enterprises(orderBy: [{registeredCapital: desc}, {id: asc}], first: 2)
         { __typename pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor }
           edges { __typename cursor node { name suppliedBy(edgeOrderBy: [{share: desc}])
             { edges { share validFrom product { name __typename } node { name } } } } } } }""",
    """{ things(orderBy: [{name: asc}]) { nodes
         { __typename name ...on Plot { area geometry contains { nodes { __typename name } } }
         ...on Organisation { location founded } ...on Institution { kind budget } } } }""",
    """{ enterprises { nodes { versions { name validFrom validTo systemFrom systemTo }
         claims(system: {}) { source record level properties validFrom stated }
         conflicts { property value source chosen } } } }""",
    """{ enterpriseAggregate(groupBy: [industry, foundedYear], orderBy: [{figure: count, direction: desc}])
         { __typename count group { industry year: foundedYear } sum { employees registeredCapital } avg { employees }
           min { founded } max { employees } distinct { status } countOf { listed } } }""",
    "{ suppliesToRelationAggregate(groupBy: [product]) { count group { product } avg { share } } }",
    "{ enterprises { nodes { name suppliedByAggregate { count sum { share } } } } }",
    """{ enterprises { nodes { name suppliedByClosure(maxDepth: 4)
         { totalCount edges { depth path via node { name } } } } } }""",
    '{ search(text: "jx") { totalCount edges { rank node { name __typename } } } }',
    """{ enterprises(where: {suppliedBy: {some: {edge: {share: {gte: 0.2}}, node: {listed: {eq: false}}}}})
         { nodes { name } } }""",
    """{ enterprises(where: {suppliesTo: {none: {}}}) { nodes { name } }
         many: enterprises(where: {suppliesTo: {count: {min: 2}}}) { nodes { name } } }""",
    """{ enterprises(where: {location: {near: {lon: 121.5, lat: 31.2, metres: 3000}}},
          orderBy: [{location: {from: {lon: 121.5, lat: 31.2}}}])
         { nodes { name locationDistance(lon: 121.5, lat: 31.2) locationGrid(level: 5) } } }""",
    "{ organisations(where: {isA: [Institution]}) { nodes { name mergedFrom provenance sources } } }",
    '{ enterprises(asOf: {valid: "2024-06-01T00:00:00Z"}, where: {employees: {gt: 100}}) { nodes { name } } }',
    """{ __typename a: __typename ontology { hash classes { name zh: label(language: "zh") } }
         plots { nodes { plotNumber } } }""",
    "{ enterprises(first: 0) { totalCount nodes { id } pageInfo { hasNextPage } } }",
    "{ enterprises(first: -1) { totalCount } plots { totalCount } }",
    "{ plots { nodes { geometryArea landUse raw } } }",
    "{ __schema { queryType { name } } }",
    """{ a: __type(name: "Enterprise") { __typename kind name interfaces { name }
        fields { name type { ...deep } args { name
         defaultValue type { ...deep } } } } b: __type(name: "Nope") { name } __type(name: "Organisation") {
         possibleTypes { name } } }
       fragment deep on __Type { kind name ofType { kind name ofType { name ofType { name } } } }""",
    """{ __schema { types { name kind description enumValues { name } inputFields { name defaultValue isDeprecated } }
         directives { name locations args { name } } } }""",
    "{ __schema { queryType { name } } plots { totalCount } }",
    """{ lookup(identifiers: [{scheme: plotNumber, value: "A-12"}, {scheme: plotNumber, value: " a-12 "},
         {scheme: uscc, value: "1"}])
         { name } nodes(ids: ["none"]) { id } }""",
    """{ enterpriseAggregate(where: {name: {eq: "none"}}) { count sum { employees } max { founded } }
         none: enterpriseAggregate(groupBy: [status], where: {name: {eq: "none"}}) { count } }""",
    "{ thingAggregate(groupBy: [class], orderBy: [{group: class}]) { count group { class } } }",
    """{ plots(where: {geometry: {intersects: {type: "Point", coordinates: [121.5, 31.2]}}}) { nodes { name } }
         enterprises(where: {location: {gridPrefix: "N51"}, not: {checkedAt: {isNull: false}}}) { totalCount } }""",
    """{ enterprises { nodes { suppliedByClosure(minDepth: 0, orderBy: [{name: asc}]) { edges { depth node { name } } }
         suppliedByAggregate(groupBy: [product], orderBy: [{figure: sum, of: share, direction: desc}])
         { count sum { share } } } } }""",
]  # fmt: skip


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize("scope", [EVERYTHING, PUBLIC], ids=["all", "public"])
async def test_both_ways_answer_alike(engine: Engine, text: str, scope: Scope) -> None:
    fast = json.loads((await engine.answer(Request(text), scope)).body)
    plain = json.loads((await engine.answer(Request(text), scope, plainly=True)).body)
    assert "INTERNAL" not in json.dumps(fast)
    assert [e["message"] for e in fast.pop("errors", [])] == [e["message"] for e in plain.pop("errors", [])]
    assert fast == plain
    # Keys stand in the order asked for, in both.
    assert json.dumps(fast) == json.dumps(plain)


async def test_supply_upstream(engine: Engine, ids: dict[str, str]) -> None:
    text = """query($id: ID!) { enterprise(id: $id) { name
        suppliedByClosure { edges { depth path via node { name } } } } }"""
    data = await ask(engine, text, id=ids["a"])
    found = {e["node"]["name"]: (e["depth"], e["path"]) for e in data["enterprise"]["suppliedByClosure"]["edges"]}
    assert found == {"乙材料（受控）": (1, [ids["a"], ids["b"]]), "丙化工": (1, [ids["a"], ids["c"]])}


async def test_paths(engine: Engine, ids: dict[str, str]) -> None:
    text = """query($start: ID!, $ends: [ID!]!) { paths(from: $start, to: $ends,
        relations: [suppliedBy, locatedIn, contains])
        { depth via nodes { name } end { __typename } } }"""
    data = await ask(engine, text, start=ids["l"], ends=[ids["b"], ids["p1"]])
    assert data["paths"] == [
        {
            "depth": 2,
            "via": ["contains", "suppliedBy"],
            "nodes": [{"name": "一号地块"}, {"name": "甲芯集团"}, {"name": "乙材料（受控）"}],
            "end": {"__typename": "Enterprise"},
        }
    ]


async def test_pages_meet(engine: Engine) -> None:
    text = """query($after: String) { things(first: 2, after: $after, orderBy: [{name: desc}])
        { nodes { id } pageInfo { hasNextPage endCursor } } }"""
    seen: list[str] = []
    after = None
    for _ in range(10):
        page = (await ask(engine, text, after=after))["things"]
        seen += [n["id"] for n in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 7


async def test_a_cursor_of_another_question_or_scope_is_refused(engine: Engine) -> None:
    page = (await ask(engine, "{ things(first: 1) { pageInfo { endCursor } } }"))["things"]
    text = "query($c: String) { things(first: 1, after: $c, orderBy: [{name: asc}]) { totalCount } }"
    cursor = page["pageInfo"]["endCursor"]
    answer = await engine.answer(Request(text, {"c": cursor}), EVERYTHING)
    assert errors(answer)[0]["extensions"]["code"] == "CURSOR_INVALID"
    same = "query($c: String) { things(first: 1, after: $c) { totalCount } }"
    assert (
        errors(await engine.answer(Request(same, {"c": cursor}), PUBLIC))[0]["extensions"]["code"] == "CURSOR_INVALID"
    )
    await ask(engine, same, c=cursor)


async def test_the_header_holds_for_every_root(engine: Engine, ids: dict[str, str]) -> None:
    text = """query($id: ID!) { enterprise(id: $id) { name }
        now: enterprise(id: $id, asOf: {valid: "2025-01-20T00:00:00Z"}) { name }
        _entities(representations: [{__typename: "Enterprise", id: "x"}]) { __typename } }"""
    request = Request(text, {"id": ids["a"]}, time=Time(park.Y2024 + park.DAY, None))
    data = json.loads((await engine.answer(request, EVERYTHING)).body)["data"]
    assert data == {"enterprise": {"name": "甲芯科技"}, "now": {"name": "甲芯集团"}, "_entities": [None]}


async def test_entities_of_several_classes(engine: Engine, ids: dict[str, str]) -> None:
    text = """query($r: [_Any!]!) { _entities(representations: $r)
        { __typename ...on Plot { area } ...on Enterprise { name } ...on Product { price } } }"""
    given = [
        {"__typename": "Product", "id": ids["p1"]},
        {"__typename": "Plot", "plotNumber": "a-12"},
        {"__typename": "Enterprise", "id": ids["a"]},
        {"__typename": "Plot", "id": ids["a"]},
        {"__typename": "Enterprise", "id": ids["b"], "name": "of the router"},
    ]
    for plainly in (False, True):
        answer = await engine.answer(Request(text, {"r": given}), EVERYTHING, plainly=plainly)
        assert json.loads(answer.body)["data"]["_entities"] == [
            {"__typename": "Product", "price": 10.5},
            {"__typename": "Plot", "area": 2000.0},
            {"__typename": "Enterprise", "name": "甲芯集团"},
            None,
            {"__typename": "Enterprise", "name": "乙材料（受控）"},
        ]


async def test_one_statement_for_all_roots(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    execute = engine.store.execute

    async def counting(query: Any, scope: Scope) -> bytes:
        asked.append(query)
        return await execute(query, scope)

    monkeypatch.setattr(engine.store, "execute", counting)
    await ask(engine, "{ a: things { totalCount } b: plots { totalCount } c: ontology { hash } }")
    await ask(engine, "{ a: things { totalCount } b: enterprises { nodes { suppliesTo { nodes { name } } } } }")
    await ask(engine, "{ __typename }")
    assert len(asked) == 2


async def test_a_hidden_claim_is_not_seen_below_its_level(engine: Engine) -> None:
    text = '{ search(text: "受控") { totalCount } enterprises(where: {name: {contains: "乙"}}) { nodes { name } } }'
    assert (await ask(engine, text, EVERYTHING))["enterprises"] == {"nodes": [{"name": "乙材料（受控）"}]}
    assert await ask(engine, text, PUBLIC) == {
        "search": {"totalCount": 0},
        "enterprises": {"nodes": [{"name": "乙材料"}]},
    }


async def test_errors_say_what_to_do(engine: Engine) -> None:
    answer = await engine.answer(Request("{ enterprises { nodes { nmae } } }"), EVERYTHING)
    (error,) = errors(answer)
    assert not answer.ran
    assert "name" in error["message"]
    assert error["locations"] == [{"line": 1, "column": 25}]
    assert error["extensions"]["code"] == "QUERY_INVALID"
    assert "/schema.graphql" in error["extensions"]["remedy"]


async def test_a_fault_in_one_root_leaves_the_others(engine: Engine) -> None:
    answer = await engine.answer(Request("{ a: plots(first: -1) { totalCount } b: plots { totalCount } }"), EVERYTHING)
    body = json.loads(answer.body)
    assert body["data"] == {"a": None, "b": {"totalCount": 1}}
    assert body["errors"][0]["path"] == ["a"]
    assert body["errors"][0]["extensions"]["remedy"]


@pytest.mark.parametrize("plainly", [False, True])
async def test_a_fault_of_the_store_fails_the_operation(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, plainly: bool
) -> None:
    async def busy(*_: object) -> bytes:
        raise StoreBusy("Another writer holds the store", remedy="Send it again.")

    monkeypatch.setattr(engine.store, "execute", busy)
    answer = await engine.answer(Request("{ plots { totalCount } }"), EVERYTHING, plainly=plainly)
    assert json.loads(answer.body)["data"] is None
    assert errors(answer)[0]["extensions"]["code"] == "STORE_BUSY"


async def test_what_is_not_ours_is_hidden_and_logged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> bytes:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(engine.store, "execute", broken)
    answer = await engine.answer(Request("{ plots { totalCount } }"), EVERYTHING)
    assert b"secret detail" not in answer.body
    assert errors(answer)[0]["extensions"]["code"] == "INTERNAL"
    assert "secret detail" in caplog.text


async def test_a_statement_that_takes_too_long_is_given_up(
    api: GraphQLApi, monkeypatch: pytest.MonkeyPatch, loaded: tuple[Store, dict[str, str]]
) -> None:
    import asyncio

    engine = Engine(api, loaded[0], Settings(statement_timeout_seconds=0.01), lambda: park.NOW)

    async def slow(*_: object) -> bytes:
        await asyncio.sleep(5)
        return b"{}"

    monkeypatch.setattr(engine.store, "execute", slow)
    answer = await engine.answer(Request("{ plots { totalCount } }"), EVERYTHING)
    assert errors(answer)[0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_the_standard_introspection_works(engine: Engine) -> None:
    from graphql import build_client_schema, get_introspection_query

    data = await ask(engine, get_introspection_query())
    assert "Enterprise" in build_client_schema(data).type_map
