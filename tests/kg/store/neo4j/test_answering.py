"""What a reader's process keeps, and when it may no longer."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from neo4j import Driver

from kg.errors import QueryError
from kg.geo.geometry import canonical
from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.model.intervals import MIN, OPEN, Interval
from kg.query import algebra as a
from kg.query.algebra import Comparison, MetaName, MetricOp, Op
from kg.query.cursor import CursorCodec
from kg.query.secure import EVERYTHING
from kg.schema.types import Datatype, Schema
from kg.store.memory import MemoryStore
from kg.store.neo4j.store import Neo4jStore
from kg.testing.schemas import ClassSpec, build_schema, prop

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]

NOW = 1_800_000_000_000_000
SOURCE = Source("a")


def schema(*more: Any) -> Schema:
    place = prop("place", Datatype.GEOMETRY)
    return build_schema(
        classes=(
            ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, searchable=True),), abstract=True),
            ClassSpec("Plot", "地块", properties=(place, *more)),
        )
    )


def schema_with_another_class() -> Schema:
    place = prop("place", Datatype.GEOMETRY)
    return build_schema(
        classes=(
            ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, searchable=True),), abstract=True),
            ClassSpec("Plot", "地块", properties=(place,)),
            ClassSpec("Road", "道路"),
        )
    )


@pytest.fixture
async def store(neo4j_url: str, neo4j_driver: Driver) -> AsyncIterator[Neo4jStore]:
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    async with Neo4jStore(neo4j_url) as store:
        await store.migrate(schema())
        yield store


def square(side: float) -> str:
    return canonical(
        {"type": "Polygon", "coordinates": [[[121, 31], [121 + side, 31], [121 + side, 31 + side], [121, 31 + side]]]}
    )


async def put(store: Neo4jStore, local: str, minute: int, **properties: Any) -> None:
    change = Put(RecordKey("a", local), "Plot", {"name": local, **properties}, Interval(MIN, OPEN))
    await store.commit(ChangeSet((change,), run=local, sources=(SOURCE,)), now=NOW + minute)


def larger_than(square_metres: float) -> a.Query:
    area = a.Cmp(Comparison.GT, a.Calc(Op.AREA, (a.Prop("place"),)), a.Const(square_metres))
    names = a.Rows(a.Obj((a.Field("name", a.Leaf(a.Prop("name"))),)))
    return a.Query((a.Root("it", a.Select(a.Extent("Plot"), names, area, (a.Order(a.Prop("name")),))),), NOW)


async def names(store: Neo4jStore, query: a.Query) -> list[str]:
    return [row["name"] for row in orjson.loads(await store.execute(query, EVERYTHING))["it"]]


async def test_what_was_calculated_for_a_commit_is_calculated_anew_for_the_next(store: Neo4jStore) -> None:
    await put(store, "one", 1, place=square(0.1))
    assert await names(store, larger_than(1e6)) == ["one"]
    assert await names(store, larger_than(1e6)) == ["one"]
    await put(store, "two", 2, place=square(0.2))
    assert await names(store, larger_than(1e6)) == ["one", "two"]
    assert await names(store, larger_than(3e8)) == ["two"]


async def test_a_schema_that_another_process_brought_answers_from_then_on(store: Neo4jStore) -> None:
    await put(store, "one", 1, place=square(0.1))
    assert await names(store, larger_than(0.0)) == ["one"]
    async with Neo4jStore(store.url) as other:
        await other.migrate(schema(prop("owner", Datatype.STRING)))
        await put(other, "two", 2, owner="市")
    owner = a.Rows(a.Obj((a.Field("name", a.Leaf(a.Prop("owner"))),)))
    asked = a.Query((a.Root("it", a.Select(a.Extent("Plot"), owner, order=(a.Order(a.Prop("name")),))),), NOW)
    assert await names(store, asked) == [None, "市"]


async def test_a_count_of_nothing_below_a_row_is_nought(store: Neo4jStore) -> None:
    """Neo4j gives no row for what aggregates nothing in a subquery below another row."""
    await put(store, "one", 1)
    inner = a.Aggregate(
        a.Self("Plot"), (a.Out("n", "metric", 0), a.Out("most", "metric", 1)), (),
        (a.Metric(MetricOp.COUNT), a.Metric(MetricOp.MAX, a.Prop("name"))),
        a.Cmp(Comparison.EQ, a.Prop("name"), a.Const("nobody")),
    )  # fmt: skip
    outer = a.Select(a.Extent("Plot"), a.Rows(a.Obj((a.Field("it", inner),))))
    answer = orjson.loads(await store.execute(a.Query((a.Root("it", outer),), NOW), EVERYTHING))
    assert answer == {"it": [{"it": [{"n": 0, "most": None}]}]}


async def test_lists_of_nothing(store: Neo4jStore) -> None:
    await put(store, "one", 1)
    obj = a.Obj((a.Field("id", a.Leaf(a.Meta(MetaName.ID))), a.Field("name", a.Leaf(a.Prop("name")))))
    nobody = a.Cmp(Comparison.EQ, a.Prop("name"), a.Const("nobody"))
    below = a.Rows(a.Obj((a.Field("none", a.Select(a.Extent("Plot"), a.Rows(obj), nobody)),)))
    roots = {
        "rows": a.Select(a.Extent("Plot"), a.Rows(obj), nobody),
        "ids": a.Select(a.Ids("Plot", ("x", "y")), a.Aligned(obj)),
        "below": a.Select(a.Extent("Plot"), below), "one": a.Select(a.Extent("Plot"), a.Rows(obj)),
    }  # fmt: skip
    answer = orjson.loads(
        await store.execute(a.Query(tuple(a.Root(key, root) for key, root in roots.items()), NOW), EVERYTHING)
    )
    assert [one["name"] for one in answer.pop("one")] == ["one"]
    assert answer == {"rows": [], "ids": [None, None], "below": [{"none": []}]}


async def test_nothing_is_selected_below_claims(store: Neo4jStore) -> None:
    plots = a.Select(a.Extent("Plot"), a.Rows(a.Obj((a.Field("id", a.Leaf(a.Meta(MetaName.ID))),))))
    claims = a.Select(a.ClaimsOf("Plot"), a.Rows(a.Obj((a.Field("plots", plots),))))
    outer = a.Select(a.Extent("Plot"), a.Rows(a.Obj((a.Field("claims", claims),))))
    with pytest.raises(QueryError, match="below claims"):
        await store.execute(a.Query((a.Root("it", outer),), NOW), EVERYTHING)


@pytest.mark.parametrize("many", [0, 30])
async def test_the_nearest_are_found_by_index_whatever_lies_beside(store: Neo4jStore, many: int) -> None:
    """Points, polygons and what has no place, by distance from the same point as the condition's, or from another."""
    points = [
        (f"p{n:02}", {"place": f'{{"type":"Point","coordinates":[{121 + n / 1000:.3f},31.0]}}'}) for n in range(many)
    ]
    plots = [*points, ("square", {"place": square(0.001)}), ("far", {"place": square(5.0)}), ("nowhere", {})]
    puts = [Put(RecordKey("a", name), "Plot", {"name": name, **rest}, Interval(MIN, OPEN)) for name, rest in plots]
    other = MemoryStore(schema())
    for one in (store, other):
        await one.commit(ChangeSet(tuple(puts), sources=(SOURCE,)), now=NOW)
    rows = a.Rows(a.Obj((a.Field("name", a.Leaf(a.Prop("name"))),)))
    for first, metres, lon in itertools.product((1, 3, 29, 40), (None, 500.0, 1500.0, 1e6), (121.0, 121.005, 121.0149)):
        far = a.Calc(Op.DISTANCE, (a.Prop("place"), a.Const(lon), a.Const(31.0)))
        where = None if metres is None else a.Near("place", 121.005, 31.0, metres)
        for time in (a.Time(), a.Time(valid=NOW - 1)):
            found = a.Select(
                a.Extent("Plot"), rows, where, (a.Order(far), a.Order(a.Prop("name"))), a.Page(first), time
            )
            query = a.Query((a.Root("it", found),), NOW)
            answer = await store.execute(query, EVERYTHING)
            assert orjson.loads(answer) == orjson.loads(await other.execute(query, EVERYTHING))


async def test_a_page_with_its_total_is_in_order_where_numbers_tie_or_are_missing(
    neo4j_url: str, neo4j_driver: Driver
) -> None:
    sized = schema(prop("size", Datatype.LONG))
    neo4j_driver.execute_query("MATCH (n) DETACH DELETE n")
    sizes = [3, None, 5, 5, None, 5, 1, 3, 2, 5]
    puts = [
        Put(
            RecordKey("a", str(n)),
            "Plot",
            {"name": f"n{n % 3}"} | ({} if size is None else {"size": size}),
            Interval(MIN, OPEN),
        )
        for n, size in enumerate(sizes)
    ]
    other = MemoryStore(sized)
    async with Neo4jStore(neo4j_url) as store:
        await store.migrate(sized)
        for one in (store, other):
            await one.commit(ChangeSet(tuple(puts), sources=(SOURCE,)), now=NOW)
        obj = a.Obj(tuple(a.Field(name, a.Leaf(a.Prop(name))) for name in ("name", "size")))
        info = a.PageField("info", a.PagePart.INFO, info=(("next", a.InfoPart.HAS_NEXT), ("end", a.InfoPart.END)))
        parts = (a.PageField("n", a.PagePart.TOTAL), a.PageField("nodes", a.PagePart.NODES, obj=obj))
        least = a.Cmp(Comparison.GE, a.Prop("name"), a.Const("n0"))
        for first, down, more in itertools.product((0, 1, 4, 5, 8, 9, 10, 11), (True, False), ((), (info,))):
            order = (a.Order(a.Prop("size"), descending=down), a.Order(a.Prop("name")))
            found = a.Select(a.Extent("Plot"), a.PageOf((*parts, *more)), least, order, a.Page(first))
            query = a.Query((a.Root("it", found),), NOW)
            answer = await store.execute(query, EVERYTHING)
            assert strip(answer) == strip(await other.execute(query, EVERYTHING))


@pytest.mark.parametrize("total", [True, False])
async def test_all_rows_by_id_page_by_page(store: Neo4jStore, total: bool) -> None:
    """They come from the index of ids, which holds other classes' as well."""
    for n in range(7):
        await put(store, str(n), n)
    await store.migrate(schema_with_another_class())
    other = Put(RecordKey("b", "0"), "Road", {"name": "r"}, Interval(MIN, OPEN))
    await store.commit(ChangeSet((other,), sources=(Source("b"),)), now=NOW + 60)
    obj = a.Obj((a.Field("id", a.Leaf(a.Meta(MetaName.ID))),))
    parts = [
        a.PageField("info", a.PagePart.INFO, info=(("next", a.InfoPart.HAS_NEXT), ("end", a.InfoPart.END))),
        a.PageField("nodes", a.PagePart.NODES, obj=obj),
    ]
    if total:
        parts.append(a.PageField("n", a.PagePart.TOTAL))
    whole = a.Select(a.Extent("Plot"), a.Rows(obj))
    every = [
        one["id"]
        for one in orjson.loads(await store.execute(a.Query((a.Root("it", whole),), NOW + 60), EVERYTHING))["it"]
    ]
    assert len(every) == 7
    found: list[str] = []
    after = None
    while True:
        page = a.Select(a.Extent("Plot"), a.PageOf(tuple(parts)), page=a.Page(3, after, "b"))
        answer = orjson.loads(await store.execute(a.Query((a.Root("it", page),), NOW + 60), EVERYTHING))["it"]
        found += [one["id"] for one in answer["nodes"]]
        assert answer.get("n", 7) == 7
        if not answer["info"]["next"]:
            break
        after = CursorCodec(store.cursor_secret).decode(answer["info"]["end"], "b").after
    assert found == every


def strip(answer: bytes) -> Any:
    """Cursors are each store's own."""
    found = orjson.loads(answer)
    found["it"].get("info", {}).pop("end", None)
    return found
