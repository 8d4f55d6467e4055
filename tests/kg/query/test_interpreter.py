from typing import Any

import pytest

from kg.errors import QueryError
from kg.geo.geometry import canonical, point
from kg.model.intervals import OPEN
from kg.query.algebra import (
    After,
    Aggregate,
    Aligned,
    And,
    Calc,
    ClaimsOf,
    Cmp,
    Comparison,
    ConflictsOf,
    Const,
    Cursor,
    Edge,
    EdgeField,
    Edges,
    Exists,
    Extent,
    Field,
    Fixed,
    Having,
    Ids,
    InfoPart,
    IsA,
    Join,
    Keys,
    Leaf,
    Match,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Near,
    Not,
    Obj,
    One,
    Op,
    Or,
    Order,
    Out,
    Page,
    PageField,
    PageOf,
    PagePart,
    Predicate,
    Prop,
    Query,
    Range,
    Root,
    Rows,
    Select,
    Self,
    Source,
    Spatial,
    Step,
    Time,
    Trail,
    Walk,
)
from kg.query.cursor import CursorCodec
from kg.query.interpreter import Interpreter
from kg.query.secure import Scope
from kg.testing.schemas import PARK

C = Comparison
ID = Leaf(Meta(MetaName.ID))
PUBLIC = Scope(0)


def obj(*names: str, **shapes: Any) -> Obj:
    fields = [Field(name, Leaf(Prop(name))) for name in names]
    return Obj((*fields, *(Field(key, shape) for key, shape in shapes.items())))


def ids(source: Source, where: Predicate | None = None, *order: Order, **rest: Any) -> Select:
    return Select(source, Rows(obj(id=ID)), where, order, **rest)


def got(answer: Any) -> list[str]:
    return [item["id"] for item in answer]


def prop(op: C, name: str, value: Any) -> Cmp:
    return Cmp(op, Prop(name), Const(value))


# ---------------------------------------------------------------- sources and time


def test_extents_hold_subclasses_and_keep_to_the_level(ask: Any) -> None:
    assert got(ask(ids(Extent("Organisation")))) == ["e1", "e2", "e3", "e4", "e5", "i1"]
    assert got(ask(ids(Extent("Organisation")), PUBLIC)) == ["e1", "e2", "e3", "e4", "i1"]
    assert got(ask(ids(Extent("Thing"), IsA("Product")))) == ["p1", "p2"]


def test_instants_choose_versions(ask: Any) -> None:
    select = Select(Ids("Enterprise", ("e3",)), One(obj("name", to=Leaf(Meta(MetaName.VALID_TO)))))
    assert ask(select, now=40) == {"name": "丙设备", "to": "1970-01-01T00:00:00.000050Z"}
    assert ask(select, now=50) == {"name": "丙装备", "to": None}
    assert ask(select, time=Time(valid=49))["name"] == "丙设备"
    assert ask(select, time=Time(system=9)) is None
    assert ask(Select(select.source, select.shape, time=Time(valid=60)), time=Time(valid=1))["name"] == "丙装备"


def test_versions_in_a_range(ask: Any) -> None:
    shape = Rows(obj("name", start=Leaf(Meta(MetaName.VALID_FROM)), known=Leaf(Meta(MetaName.SYSTEM_FROM))))
    time = Time(valid=Range())
    found = ask(Select(Ids("Enterprise", ("e3",)), shape, time=time))
    assert [row["name"] for row in found] == ["丙设备", "丙装备"]
    assert found[0] == {"name": "丙设备", "start": None, "known": "1970-01-01T00:00:00.000010Z"}
    nested = Select(Self("Enterprise"), shape, time=Time(valid=Range(50, None)))
    assert [r["name"] for r in ask(Select(Ids("Enterprise", ("e3",)), One(obj(all=nested))))["all"]] == ["丙装备"]


def test_identity(park: Any, ask: Any) -> None:
    park.records[3].system_to = 60  # e1's record, from 60 on e2's
    assert park.records[3].home == "e1"
    moved = type(park.records[3])("s", "e1", "e1", "e2", system_from=60)
    park.records.append(moved)
    select = Select(
        Ids("Thing", ("e1", "nobody", "e2", "e1")), Aligned(obj(id=ID, was=Leaf(Meta(MetaName.MERGED_FROM))))
    )
    e2 = {"id": "e2", "was": ["e1"]}
    assert ask(select) == [e2, None, e2, e2]
    before = ask(select, time=Time(system=59))
    assert [row and row["id"] for row in before] == ["e1", None, "e2", "e1"]
    assert before[0]["was"] == []
    assert got(ask(ids(Ids("Thing", ("e1", "e2"))))) == ["e2"]


def test_keys_find_who_holds_an_identifier(ask: Any) -> None:
    keys = Keys("Thing", (("uscc", "U1"), ("plotNumber", "A-01"), ("uscc", "U9")))
    aligned = Select(keys, Aligned(obj(id=ID)))
    assert ask(aligned) == [{"id": "e1"}, {"id": "plot"}, None]
    assert ask(aligned, time=Time(valid=80)) == [{"id": "e1"}, None, None]
    assert ask(Select(Keys("Plot", keys.keys), Aligned(obj(id=ID))))[0] is None


def test_steps_read_the_relation_and_nest(ask: Any) -> None:
    products = Join("product", "Product", obj("name"))
    to = Select(
        Step("suppliesTo", True, "Enterprise"),
        Rows(obj("name", share=Leaf(Edge("share")), product=products, edge=Leaf(Meta(MetaName.EDGE_ID)))),
        order=(Order(Edge("share"), True),),
    )
    back = Select(Step("suppliesTo", False, "Enterprise"), Rows(obj(id=ID)))
    answer = ask(Select(Ids("Enterprise", ("e1",)), One(obj(to=to, back=back))))
    assert answer["to"] == [
        {"name": "乙材料", "share": 0.5, "product": {"name": "晶圆"}, "edge": "s1"},
        {"name": "乙材料", "share": 0.25, "product": {"name": "靶材"}, "edge": "s2"},
    ]
    assert got(answer["back"]) == ["e3"]
    assert ask(Select(Ids("Enterprise", ("e1",)), One(obj(back=back))), time=Time(valid=60))["back"] == []
    # A nested select may stand at instants of its own.
    later = Select(back.source, back.shape, time=Time(valid=60))
    assert ask(Select(Ids("Enterprise", ("e1",)), One(obj(back=later))))["back"] == []


def test_edges_are_rows(ask: Any) -> None:
    shape = Rows(obj(id=ID, end=Leaf(Meta(MetaName.EDGE_END)), edge=Leaf(Meta(MetaName.EDGE_ID))))
    found = ask(Select(Edges("suppliesTo", "Enterprise"), shape, Cmp(C.GE, Edge("share"), Const(0.25))))
    assert [(r["id"], r["end"], r["edge"]) for r in found] == [
        ("e1", "e2", "s1"),
        ("e1", "e2", "s2"),
        ("e2", "e3", "s3"),
    ]
    assert [r["edge"] for r in ask(Select(Edges("suppliesTo", "Enterprise"), shape), PUBLIC)] == [
        "s1",
        "s2",
        "s3",
        "s4",
        "s5",
    ]
    named = Edges("suppliesTo", "Enterprise", prop(C.EQ, "name", "乙材料"))
    assert [r["edge"] for r in ask(Select(named, shape))] == ["s1", "s2"]


def test_walks_end_on_cycles_and_take_the_canonical_path(ask: Any) -> None:
    trail = Trail(Obj((Field("id", ID), Field("depth", Leaf(Meta(MetaName.DEPTH))))))
    shape = Rows(
        obj(
            id=ID,
            depth=Leaf(Meta(MetaName.DEPTH)),
            path=Leaf(Meta(MetaName.PATH)),
            via=Leaf(Meta(MetaName.VIA)),
            t=trail,
        )
    )
    down = Walk((("suppliesTo", True),), "Enterprise", 1, 6, Ids("Enterprise", ("e1",)))
    found = ask(Select(down, shape, order=(Order(Meta(MetaName.DEPTH)),)), PUBLIC)
    assert [(r["id"], r["depth"]) for r in found] == [("e2", 1), ("e3", 2), ("e4", 3)]
    assert found[2]["path"] == ["e1", "e2", "e3", "e4"]
    assert found[2]["via"] == ["suppliesTo"] * 3
    assert found[1]["t"] == [{"id": "e1", "depth": 0}, {"id": "e2", "depth": 1}, {"id": "e3", "depth": 2}]
    assert got(ask(ids(Walk(down.steps, "Enterprise", 0, 1, down.start)))) == ["e1", "e2"]
    assert got(ask(ids(Walk(down.steps, "Enterprise", 2, 2, down.start)))) == ["e3"]
    both = Walk((("suppliesTo", False), ("suppliesTo", True), ("produces", True)), "Thing", 1, 1, down.start)
    assert [(r["id"], r["via"]) for r in ask(Select(both, shape))] == [
        ("e2", ["suppliesTo"]),
        ("e3", ["suppliedBy"]),
        ("p1", ["produces"]),
    ]
    through = Walk(down.steps, "Enterprise", 1, 6, down.start, Not(prop(C.EQ, "name", "丙设备")))
    assert got(ask(ids(through))) == ["e2"]
    nested = Select(Walk(down.steps, "Enterprise"), Rows(obj(id=ID)))
    assert got(ask(Select(Ids("Enterprise", ("e2",)), One(obj(down=nested))))["down"]) == ["e1", "e3", "e4", "e5"]


def test_the_path_goes_by_the_least_ids_and_the_first_step(park: Any, ask: Any) -> None:
    park.relate("s7", "suppliesTo", "e1", "e3", product="p2")
    park.relate("s8", "suppliesTo", "e2", "e4", product="p2")
    park.relate("s9", "suppliesTo", "e4", "e2", product="p2")
    steps = (("suppliesTo", False), ("suppliesTo", True))
    shape = Rows(obj(id=ID, path=Leaf(Meta(MetaName.PATH)), via=Leaf(Meta(MetaName.VIA))))
    walk = Walk(steps, "Enterprise", 2, 2, Ids("Enterprise", ("e1",)))
    assert ask(Select(walk, shape), PUBLIC) == [
        {"id": "e4", "path": ["e1", "e2", "e4"], "via": ["suppliesTo", "suppliedBy"]}
    ]
    walk = Walk(steps[::-1], "Enterprise", 2, 2, walk.start)
    assert ask(Select(walk, shape), PUBLIC)[0]["via"] == ["suppliesTo", "suppliesTo"]


def test_search_ranks(ask: Any) -> None:
    select = Select(
        Match("Thing", "ji"), Rows(obj(id=ID, rank=Leaf(Meta(MetaName.RANK)))), order=(Order(Meta(MetaName.RANK)),)
    )
    found = ask(select)
    assert got(found) == ["e1", "p1", "i1"]  # the alias begins with it; 晶 and 集 sound so
    assert found[0]["rank"] == 10**8 + 3
    assert ask(Select(Match("Plot", "ji"), Rows(obj(id=ID)))) == []


# ---------------------------------------------------------------- predicates


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (prop(C.EQ, "employees", 20), ["e2", "e4"]),
        (prop(C.NE, "employees", 20), ["e1", "e3", "e5"]),
        (prop(C.GT, "employees", 20), ["e3"]),
        (prop(C.IN, "employees", (10, 30, None)), ["e1", "e3"]),
        (prop(C.CONTAINS, "name", "hong"), ["e4"]),
        (prop(C.STARTS_WITH, "name", "甲"), ["e1"]),
        (prop(C.CONTAINS, "name", "HONG"), []),
        (prop(C.EQ, "tags", "b"), ["e1", "e2"]),
        (prop(C.NE, "tags", "b"), ["e1"]),
        (prop(C.IS_NULL, "tags", True), ["e3", "e4", "e5"]),
        (prop(C.IS_NULL, "status", False), ["e1", "e2", "e3"]),
        (prop(C.EQ, "listed", True), ["e1"]),
        (prop(C.LT, "founded", "2011-06-01"), ["e1", "e2"]),
        (Not(prop(C.GT, "registeredCapital", 2.0)), ["e1", "e3", "e4", "e5"]),
        (Cmp(C.GT, Prop("employees"), Prop("registeredCapital")), ["e1", "e2"]),
        (prop(C.EQ, "employees", None), []),
        (Cmp(C.IS_NULL, Meta(MetaName.VALID_TO), Const(True)), ["e1", "e2", "e4", "e5"]),
        (And(()), ["e1", "e2", "e3", "e4", "e5"]),
        (Or(()), []),
        (Or((prop(C.EQ, "name", "戊"), prop(C.EQ, "status", "active"))), ["e1", "e2", "e3", "e5"]),
        (Near("location", 121.5, 31.5, 9_500.0), ["e1", "e2"]),
        (Near("location", 121.5, 31.5, 9_000.0), ["e1"]),
        (Spatial("bbox", "location", "[119,29,121,31]"), ["e4"]),
        (Cmp(C.LT, Calc(Op.DISTANCE, (Prop("location"), Const(121.5), Const(31.5))), Const(1.0)), ["e1"]),
        (Exists(Step("suppliesTo", True, "Enterprise")), ["e1", "e2", "e3", "e4"]),
        (Exists(Step("suppliesTo", True, "Enterprise"), min=2), ["e1", "e3"]),
        (Exists(Step("suppliesTo", True, "Enterprise"), min=0, max=0), ["e5"]),
        (Exists(Step("suppliesTo", True, "Enterprise"), Cmp(C.GT, Edge("share"), Const(0.5))), ["e2"]),
        (Exists(Step("suppliesTo", False, "Enterprise"), prop(C.EQ, "name", "甲半导体")), ["e2"]),
        (Exists(Walk((("suppliesTo", True),), "Enterprise"), prop(C.EQ, "name", "Zhongxing 丁")), ["e1", "e2", "e3"]),
        (Exists(Step("locatedIn", True, "Plot"), Exists(Step("locatedIn", False, "Institution"))), ["e1"]),
    ],
)
def test_predicates(ask: Any, where: Predicate, expected: list[str]) -> None:
    assert got(ask(ids(Extent("Enterprise"), where))) == expected


def test_within_counts_the_border(ask: Any) -> None:
    ring = [[[121.5, 31.0], [121.6, 31.0], [121.6, 32.0], [121.5, 32.0]]]
    area = canonical({"type": "Polygon", "coordinates": ring})
    assert got(ask(ids(Extent("Enterprise"), Spatial("within", "location", area)))) == ["e1", "e2"]
    assert got(ask(ids(Extent("Plot"), Spatial("within", "geometry", area)))) == []
    assert got(ask(ids(Extent("Plot"), Spatial("intersects", "geometry", area)))) == ["plot"]
    assert got(ask(ids(Extent("Plot"), Near("geometry", 121.2, 31.2, 0.0)))) == ["plot"]


# ---------------------------------------------------------------- order and pages


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((Order(Prop("employees")),), ["e5", "e1", "e2", "e4", "e3"]),
        ((Order(Prop("employees"), True),), ["e3", "e2", "e4", "e1", "e5"]),
        ((Order(Prop("registeredCapital"), True), Order(Prop("employees"))), ["e2", "e1", "e5", "e4", "e3"]),
        ((Order(Prop("tags")),), ["e1", "e2", "e3", "e4", "e5"]),
        ((Order(Prop("name")),), ["e4", "e3", "e2", "e5", "e1"]),
        ((Order(Calc(Op.DISTANCE, (Prop("location"), Const(121.59), Const(31.5)))),), ["e2", "e1", "e4", "e3", "e5"]),
    ],
)
def test_order(ask: Any, order: tuple[Order, ...], expected: list[str]) -> None:
    assert got(ask(ids(Extent("Enterprise"), None, *order))) == expected


def page(first: int | None, after: After | None = None, *, order: tuple[Order, ...] = ()) -> Select:
    info = (
        ("next", InfoPart.HAS_NEXT),
        ("prev", InfoPart.HAS_PREVIOUS),
        ("start", InfoPart.START),
        ("end", InfoPart.END),
    )
    parts = (
        PageField("nodes", PagePart.NODES, obj(id=ID)),
        PageField("edges", PagePart.EDGES, edge=(EdgeField("c", Cursor()), EdgeField("n", obj(id=ID)))),
        PageField("total", PagePart.TOTAL),
        PageField("info", PagePart.INFO, info=(*info, ("__typename", Fixed("PageInfo")))),
        PageField("__typename", "__typename", typename="EnterpriseConnection"),
    )
    return Select(Extent("Enterprise"), PageOf(parts), None, order, Page(first, after, "bound"))


@pytest.mark.parametrize("order", [(), (Order(Prop("registeredCapital"), True),), (Order(Prop("employees")),)])
def test_pages_go_on_where_they_ended(ask: Any, order: tuple[Order, ...]) -> None:
    whole = got(ask(page(None, order=order))["nodes"])
    codec = CursorCodec(b"x" * 32)
    seen: list[str] = []
    after = None
    while True:
        answer = ask(page(2, after, order=order))
        seen += got(answer["nodes"])
        assert answer["total"] == 5
        assert answer["__typename"] == "EnterpriseConnection"
        assert answer["info"]["__typename"] == "PageInfo"
        assert answer["info"]["prev"] is (after is not None)
        assert answer["info"]["end"] == answer["edges"][-1]["c"]
        assert answer["info"]["start"] == answer["edges"][0]["c"]
        token = codec.decode(answer["info"]["end"], "bound")
        assert token.time == Time(40, 100)
        after = token.after
        if not answer["info"]["next"]:
            break
    assert seen == whole
    assert ask(page(0))["info"] == {"next": True, "prev": False, "start": None, "end": None, "__typename": "PageInfo"}


def test_versions_page_too(ask: Any) -> None:
    select = page(3)
    whole = [(n["id"]) for n in ask(Select(select.source, select.shape, time=Time(valid=Range())))["nodes"]]
    assert whole == ["e1", "e2", "e3", "e3", "e4", "e5"]
    first = ask(Select(select.source, select.shape, page=select.page, time=Time(valid=Range())))
    token = CursorCodec(b"x" * 32).decode(first["info"]["end"], "bound")
    assert token.time == Time(Range(), 100)
    second = ask(Select(select.source, select.shape, page=Page(3, token.after, "bound"), time=token.time))
    assert got(first["nodes"]) + got(second["nodes"]) == whole


# ---------------------------------------------------------------- shapes


def test_values_as_json(ask: Any) -> None:
    select = Select(
        Ids("Thing", ("e1", "e4", "i1", "plot")),
        Aligned(
            Obj(
                (
                    Field("name", Leaf(Prop("name"))),
                    Field("kind", Fixed("Firm"), ("Enterprise",)),
                    Field("kind", Leaf(Prop("kind")), ("Institution",)),
                    Field("tags", Leaf(Prop("tags")), ("Enterprise",)),
                    Field("at", Leaf(Prop("checkedAt")), ("Enterprise",)),
                    Field("place", Leaf(Prop("location")), ("Enterprise",)),
                    Field(
                        "meta",
                        Obj((Field("cls", Leaf(Meta(MetaName.CLASS))), Field("s", Leaf(Meta(MetaName.SOURCES))))),
                    ),
                    Field("how", Leaf(Meta(MetaName.PROVENANCE)), ("Plot",)),
                )
            )
        ),
    )
    e1, e4, i1, plot = ask(select)
    assert list(e1) == ["name", "kind", "tags", "at", "place", "meta"]
    assert e1["tags"] == ["a", "b"]
    assert e1["at"] == "2023-11-14T22:13:20Z"
    assert e1["place"] == {"type": "Point", "coordinates": [121.5, 31.5]}
    assert (e4["tags"], e4["at"]) == ([], None)
    assert i1["kind"] == "laboratory"
    assert plot == {"name": "A地块", "meta": {"cls": "Plot", "s": {"": "s"}}, "how": "stated"}


def test_calculations(ask: Any) -> None:
    def calc(op: Op, *args: Any) -> Leaf:
        return Leaf(Calc(op, args))

    shape = One(
        obj(
            add=calc(Op.ADD, Prop("employees"), Const(1)),
            half=calc(Op.DIVIDE, Prop("employees"), Const(3)),
            none=calc(Op.DIVIDE, Prop("employees"), Const(0)),
            big=calc(Op.MULTIPLY, Prop("employees"), Const(2**62)),
            lower=calc(Op.LOWER, Prop("industry")),
            length=calc(Op.LENGTH, Prop("name")),
            year=calc(Op.YEAR, Prop("founded")),
            quarter=calc(Op.QUARTER, Prop("checkedAt")),
            month=calc(Op.MONTH, Prop("founded")),
            week=calc(Op.WEEK, Prop("founded")),
            day=calc(Op.DAY, Prop("checkedAt")),
            grid=calc(Op.GRID, Prop("location"), Const(2)),
        )
    )
    assert ask(Select(Ids("Enterprise", ("e1",)), shape)) == {
        "add": 11, "half": 3.33333333333333, "none": None, "big": 4.61168601842739e19, "lower": "c39", "length": 4,
        "year": 2010, "quarter": "2023-Q4", "month": "2010-05", "week": "2010-W17",
        "day": "2023-11-14", "grid": "N51H37",
    }  # fmt: skip
    assert ask(Select(Ids("Enterprise", ("e2",)), shape))["week"] is None
    area = ask(Select(Extent("Plot"), One(obj(area=calc(Op.AREA, Prop("geometry"))))))
    assert area["area"] == pytest.approx(1.05e10, rel=0.01)


# ---------------------------------------------------------------- aggregates


def test_groups_metrics_having_and_order(ask: Any) -> None:
    action = Aggregate(
        Extent("Organisation"),
        (
            Out("status", "group"),
            Out("n", "metric"),
            Out(
                "of", "object", fields=(Out("sum", "metric", 1), Out("avg", "metric", 2), Out("t", "fixed", value="Of"))
            ),
            Out("first", "metric", 3),
        ),
        (Prop("status"),),
        (
            Metric(MetricOp.COUNT),
            Metric(MetricOp.SUM, Prop("employees")),
            Metric(MetricOp.AVG, Prop("registeredCapital")),
            Metric(MetricOp.MIN, Prop("checkedAt")),
        ),
    )
    active = {"status": "active", "n": 4, "of": {"sum": 60, "avg": 2.0, "t": "Of"}, "first": "2023-11-14T22:13:20Z"}
    none = {"status": None, "n": 2, "of": {"sum": 21, "avg": None, "t": "Of"}, "first": None}
    assert ask(action) == [active, none]
    from dataclasses import replace

    assert ask(replace(action, order=(("metric", 1, False),))) == [none, active]
    assert ask(replace(action, order=(("metric", 2, True),))) == [active, none]
    assert ask(replace(action, having=(Having(C.GT, 0, 2),))) == [active]
    assert ask(replace(action, having=(Having(C.LT, 2, 9.0),))) == [active]
    assert ask(replace(action, first=1)) == [active]


def test_an_aggregate_without_groups_is_one_object(ask: Any) -> None:
    out = (Out("n", "metric"), Out("d", "metric", 1), Out("max", "metric", 2), Out("tags", "metric", 3))
    metrics = (
        Metric(MetricOp.COUNT),
        Metric(MetricOp.DISTINCT, Prop("employees")),
        Metric(MetricOp.MAX, Prop("name")),
        Metric(MetricOp.COUNT, Prop("tags")),
    )
    assert ask(Aggregate(Extent("Enterprise"), out, metrics=metrics)) == [
        {"n": 5, "d": 4, "max": "甲半导体", "tags": 2}
    ]
    none = prop(C.EQ, "name", "nobody")
    assert ask(Aggregate(Extent("Enterprise"), out, metrics=metrics, where=none)) == [
        {"n": 0, "d": 0, "max": None, "tags": 0}
    ]


def test_aggregates_over_relations_and_buckets(ask: Any) -> None:
    out = (Out("k", "group"), Out("s", "metric"))
    shares = (Metric(MetricOp.SUM, Edge("share")),)
    by_product = Aggregate(Edges("suppliesTo", "Enterprise"), out, (Edge("product"),), shares)
    assert ask(by_product) == [{"k": "p1", "s": 1.25}, {"k": "p2", "s": 0.35}]
    by_year = Aggregate(Extent("Enterprise"), out, (Calc(Op.YEAR, (Prop("founded"),)),), (Metric(MetricOp.COUNT),))
    assert ask(by_year) == [{"k": 2010, "s": 1}, {"k": 2011, "s": 1}, {"k": 2012, "s": 1}, {"k": None, "s": 2}]
    grid = Aggregate(
        Extent("Enterprise"), out, (Calc(Op.GRID, (Prop("location"), Const(1))),), (Metric(MetricOp.COUNT),)
    )
    assert ask(grid) == [{"k": "N51H", "s": 3}, {"k": None, "s": 2}]
    nested = Aggregate(Step("suppliesTo", True, "Enterprise"), out[1:], (), shares)
    assert ask(Select(Ids("Enterprise", ("e1",)), One(obj(sum=nested))))["sum"] == [{"s": 0.75}]


# ---------------------------------------------------------------- claims


def test_claims_and_conflicts(park: Any, ask: Any) -> None:
    park.claim("s", "e1", "Enterprise", name="甲半导体", employees=10)
    park.claim("t", "x1", "Enterprise", name="甲半导体", employees=12)
    park.claim("u", "y1", "Enterprise", level=2, employees=99)
    record = type(park.records[0])
    park.records += [record("t", "x1", "e1", "e1", system_from=10), record("u", "y1", "e1", "e1", system_from=10)]
    leaves = {
        n.name.lower(): Leaf(Meta(n)) for n in (MetaName.SOURCE, MetaName.RECORD, MetaName.LEVEL, MetaName.PROPERTIES)
    }
    claims = Select(ClaimsOf("Enterprise"), Rows(obj("employees", **leaves)))
    found = ask(Select(Ids("Enterprise", ("e1",)), One(obj(claims=claims))))["claims"]
    assert [(c["source"], c["record"], c["level"], c["employees"]) for c in found] == [
        ("s", "e1", 0, 10),
        ("t", "x1", 0, 12),
        ("u", "y1", 2, 99),
    ]
    assert found[0]["properties"] == {"employees": 10, "name": "甲半导体"}
    names = (MetaName.PROPERTY, MetaName.VALUE, MetaName.SOURCE, MetaName.CHOSEN)
    conflicts = Select(ConflictsOf("Enterprise"), Rows(obj(**{n.value: Leaf(Meta(n)) for n in names})))
    wanted = Select(Ids("Enterprise", ("e1",)), One(obj(c=conflicts)))
    assert [tuple(c.values()) for c in ask(wanted, PUBLIC)["c"]] == [
        ("employees", 10, "s", True),
        ("employees", 12, "t", False),
    ]
    assert len(ask(wanted)["c"]) == 3


# ---------------------------------------------------------------- what has no meaning


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (ids(Extent("Enterprize")), "Did you mean Enterprise?"),
        (Select(Extent("Enterprise"), Rows(obj("nmae"))), "Did you mean name?"),
        (ids(Extent("Enterprise"), prop(C.EQ, "employes", 1)), "Did you mean employees?"),
        (Select(Extent("Enterprise"), Rows(obj(e=Leaf(Edge("share"))))), "no relation here"),
        (ids(Step("suppliesTo", True, "Enterprise")), "Put it below one"),
        (ids(Edges("supliesTo", "Enterprise")), "Did you mean suppliesTo?"),
        (ids(Edges("suppliesTo", "Enterprise"), Cmp(C.EQ, Edge("shar"), Const(1))), "Did you mean share?"),
        (ids(Keys("Thing", (("usc", "x"),))), "Did you mean uscc?"),
        (ids(Extent("Enterprise"), Cmp(C.EQ, Meta(MetaName.RANK), Const(1))), "no rank"),
        (ids(Extent("Enterprise"), prop(C.EQ, "employees", "20")), "Give a number"),
        (ids(Extent("Enterprise"), prop(C.EQ, "name", 20)), "Give a text"),
        (ids(Extent("Enterprise"), prop(C.CONTAINS, "employees", "2")), "is for text"),
        (ids(Extent("Enterprise"), Near("name", 1, 2, 3)), "Only geometries"),
        (ids(Extent("Enterprise"), None, Order(Meta(MetaName.SOURCES))), "object or a list"),
        (Select(Extent("Enterprise"), Aligned(obj(id=ID))), "list of ids"),
        (ids(Walk((), "Thing", 3, 2, Ids("Thing", ()))), "min <= max"),
        (ids(Edges("suppliesTo", "Enterprise"), time=Time(Range())), "Give an instant"),
        (Select(Extent("Enterprise"), Rows(obj(x=ids(Extent("Plot")))), time=Time(Range())), "at one instant"),
        (Aggregate(Extent("Enterprise"), (), metrics=(Metric(MetricOp.SUM, Prop("name")),)), "for numbers"),
        (Aggregate(Extent("Enterprise"), (Out("k", "group"),)), "Number them from 0"),
        (Select(Extent("Enterprise"), Rows(Obj((Field("a", ID), Field("a", ID))))), "one key"),
        (Select(Extent("Enterprise"), Rows(obj(t=Trail(obj(id=ID))))), "Only a walk"),
        (ids(Extent("Enterprise"), IsA("Firm")), "Unknown class"),
    ],
)
def test_what_has_no_meaning_is_refused(ask: Any, action: Any, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(action)
    assert says in str(caught.value)
    assert caught.value.remedy


def test_an_unsecured_query_is_refused(park: Any) -> None:
    with pytest.raises(QueryError, match="not secured"):
        Interpreter(PARK, park, CursorCodec(b"x" * 32), 1).run(Query((Root("a", Fixed(1)),), 1))


def test_open_ends_and_fixed_roots(ask: Any) -> None:
    assert OPEN == 2**62
    assert point(1, 2)
    assert ask(Fixed(True)) is True
