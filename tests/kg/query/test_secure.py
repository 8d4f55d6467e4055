"""What each reader sees of the small park, and that nothing hidden shows through."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from kg.errors import QueryError, ScopeDenied
from kg.model.rows import RecordRow
from kg.query.algebra import (
    Aggregate,
    ClaimsOf,
    Cmp,
    Comparison,
    ConflictsOf,
    Const,
    Edge,
    EdgeField,
    Edges,
    Exists,
    Extent,
    Field,
    Fixed,
    Ids,
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
    Order,
    Out,
    PageField,
    PageOf,
    PagePart,
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
from kg.query.secure import EVERYTHING, NOTHING, PUBLIC, Scope, secure
from kg.testing.schemas import PARK, ClassSpec, RelationSpec, build_schema

C = Comparison
ID = Leaf(Meta(MetaName.ID))
IDS = Rows(Obj((Field("id", ID),)))
ACTIVE = Cmp(C.EQ, Prop("status"), Const("active"))
# Sees enterprises only that are active: e1, e2 and, until 50, e3.
SUPPLIES = Step("suppliesTo", True, "Enterprise")
SOME = Scope(3, rows={"Enterprise": ACTIVE})


def leaves(*names: str) -> Obj:
    return Obj(tuple(Field(name, Leaf(Prop(name))) for name in names))


def got(answer: Any) -> list[str]:
    return [item["id"] for item in answer]


def ids(source: Source, where: Any = None) -> Select:
    return Select(source, IDS, where)


def below(source: Source, **rest: Any) -> Select:
    return Select(Ids("Thing", ("e1",)), One(Obj((Field("it", Select(source, IDS, **rest)),))))


def test_row_predicates_hold_at_every_source(ask: Any) -> None:
    assert got(ask(ids(Extent("Thing")), SOME)) == ["e1", "e2", "e3", "i1", "p1", "p2", "plot"]
    assert got(ask(ids(Extent("Enterprise")), SOME, now=50)) == ["e1", "e2"]
    assert got(ask(ids(Ids("Thing", ("e4", "e1", "plot"))), SOME)) == ["e1", "plot"]
    assert got(ask(ids(Match("Thing", "丁")), SOME)) == []
    assert got(ask(ids(Match("Thing", "丁")))) == ["e4"]
    hidden = Scope(3, rows={"Thing": Not(Cmp(C.EQ, Prop("name"), Const("甲半导体")))})
    assert ask(ids(Keys("Thing", (("uscc", "U1"),))), hidden) == []


def test_row_predicates_hold_at_both_ends_of_relations(ask: Any) -> None:
    edges = ids(Edges("suppliesTo", "Enterprise"))
    assert got(ask(edges, SOME)) == ["e1", "e1", "e2", "e3"]
    assert got(ask(edges, SOME, now=55)) == ["e1", "e1"]
    step = Select(Ids("Enterprise", ("e3",)), One(Obj((Field("it", ids(Step("suppliesTo", True, "Enterprise"))),))))
    assert got(ask(step, SOME)["it"]) == ["e1"]
    assert got(ask(step)["it"]) == ["e1", "e4"]


def test_row_predicates_hold_inside_filters(ask: Any) -> None:
    to_e4 = Exists(Step("suppliesTo", True, "Enterprise"), Cmp(C.STARTS_WITH, Prop("name"), Const("Zhong")))
    assert got(ask(ids(Extent("Enterprise"), to_e4))) == ["e3"]
    assert got(ask(ids(Extent("Enterprise"), to_e4), SOME)) == []
    two = Exists(Step("suppliesTo", True, "Enterprise"), min=2)
    assert got(ask(ids(Extent("Enterprise"), two), SOME)) == ["e1"]
    walk = Exists(Walk((("suppliesTo", True),), "Enterprise"), Cmp(C.STARTS_WITH, Prop("name"), Const("Zhong")))
    assert got(ask(ids(Extent("Enterprise"), walk), SOME)) == []
    nested = Exists(Step("suppliesTo", False, "Enterprise"), Exists(Step("suppliesTo", False, "Enterprise")))
    not_e3 = Scope(3, rows={"Enterprise": Not(Cmp(C.STARTS_WITH, Prop("name"), Const("丙")))})
    assert "e1" in got(ask(ids(Extent("Enterprise"), nested)))
    assert "e1" not in got(ask(ids(Extent("Enterprise"), nested), not_e3))


def test_a_filter_given_on_a_step_is_rewritten_too(ask: Any) -> None:
    to_e4 = Exists(Step("suppliesTo", True, "Enterprise"), Cmp(C.STARTS_WITH, Prop("name"), Const("Zhong")))
    step = Step("suppliesTo", True, "Enterprise", to_e4)
    select = Select(Ids("Enterprise", ("e2",)), One(Obj((Field("it", ids(step)),))))
    assert got(ask(select)["it"]) == ["e3"]
    assert got(ask(select, SOME)["it"]) == []
    # Nor does the filter as it was given tell of e4 by leaving e3 out.
    step = Step("suppliesTo", True, "Enterprise", Not(to_e4))
    select = Select(Ids("Enterprise", ("e2",)), One(Obj((Field("it", ids(step)),))))
    assert got(ask(select)["it"]) == []
    assert got(ask(select, SOME)["it"]) == ["e3"]


def test_walks_do_not_pass_what_is_unseen(ask: Any) -> None:
    walk = Walk((("suppliesTo", True),), "Enterprise", 0, 6, Ids("Enterprise", ("e1",)))
    assert got(ask(ids(walk), Scope(0))) == ["e1", "e2", "e3", "e4"]
    no_e2 = Scope(3, rows={"Enterprise": Not(Cmp(C.STARTS_WITH, Prop("name"), Const("乙")))})
    assert got(ask(ids(walk), no_e2)) == ["e1"]
    no_e1 = Scope(3, rows={"Enterprise": Not(Cmp(C.STARTS_WITH, Prop("name"), Const("甲")))})
    assert got(ask(ids(walk), no_e1)) == []
    trail = Select(walk, Rows(Obj((Field("t", Trail(leaves("name"))),))))
    masked = Scope(0, masks={"Enterprise": frozenset({"name"})})
    assert all(step == {"name": None} for row in ask(trail, masked) for step in row["t"])


def test_joined_entities_are_seen_or_null(ask: Any) -> None:
    join = Field("p", Join("product", "Product", leaves("name")))
    only = Scope(3, rows={"Product": Cmp(C.EQ, Prop("code"), Const("3801"))})
    select = Select(Edges("suppliesTo", "Enterprise"), Rows(Obj((join,))))
    assert [r["p"] for r in ask(select, only)][:2] == [{"name": "晶圆"}, None]
    # The bare id says which product it was.
    assert ask(Select(select.source, Rows(Obj((Field("p", Leaf(Edge("product"))),)))), only)[0] == {"p": None}
    with pytest.raises(ScopeDenied):
        ask(ids(select.source, Cmp(C.EQ, Edge("product"), Const("p2"))), only)


def test_versions_keep_to_row_predicates_each(ask: Any) -> None:
    versions = Select(Self("Enterprise"), Rows(leaves("name")), time=Time(valid=Range()))
    select = Select(Ids("Enterprise", ("e3",)), One(Obj((Field("v", versions),))))
    assert [v["name"] for v in ask(select)["v"]] == ["丙设备", "丙装备"]
    assert [v["name"] for v in ask(select, SOME)["v"]] == ["丙设备"]


def test_versions_in_a_range_need_a_predicate_without_relations(ask: Any) -> None:
    supplied = Scope(3, rows={"Enterprise": Not(Exists(Step("locatedIn", True, "Plot")))})
    assert got(ask(ids(Extent("Enterprise")), supplied)) == ["e2", "e3", "e4", "e5"]
    with pytest.raises(ScopeDenied):
        ask(Select(Extent("Enterprise"), IDS, time=Time(valid=Range())), supplied)
    assert got(ask(Select(Extent("Plot"), IDS, time=Time(valid=Range())), supplied)) == ["plot"]


# ---------------------------------------------------------------- properties


def test_masked_properties_read_as_null(ask: Any) -> None:
    select = Select(Ids("Thing", ("e1",)), One(leaves("name", "revenue")))
    assert ask(select) == {"name": "甲半导体", "revenue": 99.0}
    assert ask(select, Scope(1)) == {"name": "甲半导体", "revenue": None}
    assert ask(select, Scope(3, masks={"Organisation": frozenset({"name"})})) == {"name": None, "revenue": 99.0}
    shares = Select(Edges("suppliesTo", "Enterprise"), Rows(Obj((Field("q", Leaf(Edge("qualification"))),))))
    assert ask(shares)[0]["q"] == "ISO"
    assert {r["q"] for r in ask(shares, PUBLIC)} == {None}
    part = PageField("edges", PagePart.EDGES, edge=(EdgeField("q", Leaf(Edge("qualification"))),))
    assert {r["q"] for r in ask(Select(shares.source, PageOf((part,))), PUBLIC)["edges"]} == {None}


def test_a_mask_on_one_class_leaves_the_others(ask: Any) -> None:
    scope = Scope(3, masks={"Enterprise": frozenset({"name"})})
    select = Select(Ids("Thing", ("e1", "i1", "plot")), Rows(leaves("name")))
    assert [r["name"] for r in ask(select, scope)] == [None, "集成电路研究院", "A地块"]
    secured = secure(Query((Root("it", select),), 0), PARK, scope)
    action = secured.roots[0].action
    assert isinstance(action, Select)
    assert isinstance(action.shape, Rows)
    first, second = action.shape.obj.fields
    assert (first.shape, first.only) == (Fixed(None), ("Enterprise",))
    assert second.only == ("Institution", "Plot", "Product")


@pytest.mark.parametrize(
    "action",
    [
        ids(Extent("Enterprise"), Cmp(C.GT, Prop("revenue"), Const(1))),
        ids(Extent("Thing"), Not(Cmp(C.IS_NULL, Prop("revenue"), Const(True)))),
        ids(Extent("Enterprise"), Exists(SUPPLIES, Cmp(C.GT, Prop("revenue"), Const(1)))),
        ids(Extent("Enterprise"), Exists(SUPPLIES, Cmp(C.EQ, Edge("qualification"), Const("")))),
        ids(Walk((("suppliesTo", True),), "Thing", 1, 2, Ids("Thing", ()), Cmp(C.GT, Prop("revenue"), Const(1)))),
        Select(Extent("Enterprise"), IDS, order=(Order(Prop("revenue")),)),
        Aggregate(Extent("Enterprise"), (), (Prop("revenue"),)),
        Aggregate(Extent("Enterprise"), (), (), (Metric(MetricOp.MAX, Prop("revenue")),)),
        ids(Extent("Enterprise"), Cmp(C.EQ, Prop("attributes"), Const("{}"))),
        Select(Ids("Thing", ("e1",)), One(Obj((Field("x", Aggregate(SUPPLIES, (), (Edge("qualification"),))),)))),
    ],
)  # fmt: skip
def test_nothing_is_found_out_by_a_masked_property(ask: Any, action: Any) -> None:
    ask(action)
    with pytest.raises(ScopeDenied) as caught:
        ask(action, PUBLIC)
    assert caught.value.field in {"revenue", "qualification", "attributes"}
    assert caught.value.remedy


def test_places_and_identifiers_are_masked_too(ask: Any) -> None:
    scope = Scope(3, masks={"Enterprise": frozenset({"location", "uscc"})})
    for where in (Near("location", 1, 1, 1), Spatial("bbox", "location", "[1,1,2,2]")):
        with pytest.raises(ScopeDenied):
            ask(ids(Extent("Organisation"), where), scope)
    with pytest.raises(ScopeDenied):
        ask(ids(Keys("Thing", (("uscc", "U1"),))), scope)
    assert got(ask(ids(Keys("Plot", (("plotNumber", "A-01"),))), scope)) == ["plot"]


def test_search_leaves_masked_text_out(ask: Any) -> None:
    scope = Scope(3, masks={"Enterprise": frozenset({"name"})})
    assert got(ask(ids(Match("Thing", "甲")))) == ["e1"]
    assert got(ask(ids(Match("Thing", "甲")), scope)) == []
    assert got(ask(ids(Match("Thing", "jsemi")), scope)) == ["e1"]
    assert got(ask(ids(Match("Thing", "集成")), scope)) == ["i1"]


def test_sources_do_not_name_masked_properties(park: Any, ask: Any) -> None:
    park.versions[3].sources = {"": "s", "revenue": "tax", "name": "reg"}
    park.edges[0].sources = {"": "s", "qualification": "audit"}
    sources = Field("s", Leaf(Meta(MetaName.SOURCES)))
    select = Select(Ids("Thing", ("e1",)), One(Obj((sources,))))
    assert ask(select)["s"] == {"": "s", "revenue": "tax", "name": "reg"}
    assert ask(select, PUBLIC)["s"] == {"": "s", "name": "reg"}
    edges = Select(Edges("suppliesTo", "Enterprise"), One(Obj((Field("s", Leaf(Meta(MetaName.EDGE_SOURCES))),))))
    assert ask(edges)["s"] == {"": "s", "qualification": "audit"}
    assert ask(edges, PUBLIC)["s"] == {"": "s"}


def test_values_of_removed_properties_need_a_level(park: Any, ask: Any) -> None:
    park.versions[3].properties["formerly"] = ("a", 1)
    select = Select(Ids("Thing", ("e1",)), One(Obj((Field("raw", Leaf(Meta(MetaName.RAW))),))))
    assert ask(select)["raw"] == {"formerly": ["a", 1]}
    assert ask(select, PUBLIC)["raw"] is None


# ---------------------------------------------------------------- classes and relations


def test_classes_outside_the_scope_are_unseen(ask: Any) -> None:
    scope = Scope(3, frozenset({"Enterprise", "Product"}))
    assert got(ask(ids(Extent("Thing")), scope)) == ["e1", "e2", "e3", "e4", "e5", "p1", "p2"]
    assert got(ask(ids(Extent("Organisation")), scope)) == ["e1", "e2", "e3", "e4", "e5"]
    with pytest.raises(ScopeDenied, match="Plot"):
        ask(ids(Extent("Plot")), scope)
    assert ask(below(Step("locatedIn", True, "Plot")), scope) == {"it": []}
    with pytest.raises(ScopeDenied):
        ask(ids(Extent("Enterprise"), Exists(Step("locatedIn", True, "Plot"))), scope)
    assert got(ask(ids(Extent("Thing"), IsA("Plot")), scope)) == []
    walk = Walk((("locatedIn", True), ("locatedIn", False)), "Thing", 1, 4, Ids("Thing", ("e1",)))
    assert got(ask(ids(walk))) == ["i1", "plot"]
    assert got(ask(ids(walk), scope)) == []
    with pytest.raises(ScopeDenied, match="grant"):
        ask(ids(Extent("Thing")), Scope(3, frozenset({"Enterprize"})))


def test_sensitive_classes_and_relations() -> None:
    schema = build_schema(
        (
            ClassSpec("Thing", "事物", abstract=True),
            ClassSpec("Site", "场所"),
            ClassSpec("Vault", "库房", ("Site",), sensitivity=2),
        ),
        (RelationSpec("guards", "看守", "Site", "Site", "guardedBy", sensitivity=1),),
    )

    def secured(select: Any, level: int) -> Any:
        return secure(Query((Root("it", select),), 0), schema, Scope(level)).roots[0].action

    assert secured(ids(Extent("Site")), 2).where is None
    assert secured(ids(Extent("Site")), 1).where == Not(IsA("Vault"))
    with pytest.raises(ScopeDenied):
        secured(ids(Extent("Vault")), 1)
    nested = Select(Extent("Site"), Rows(Obj((Field("g", ids(Step("guards", True, "Site"))),))))
    assert secured(nested, 0).shape.obj.fields[0].shape.where == NOTHING
    assert secured(nested, 2).shape.obj.fields[0].shape.where is None
    with pytest.raises(ScopeDenied):
        secured(ids(Extent("Site"), Exists(Step("guards", True, "Site"))), 0)
    with pytest.raises(ScopeDenied):
        secured(ids(Edges("guards", "Site")), 0)
    walk = secured(ids(Walk((("guards", True),), "Site", 1, 2, Ids("Site", ()))), 0)
    assert walk.source.steps == ()
    assert walk.source.through == Not(IsA("Vault"))
    assert walk.source.start_where == Not(IsA("Vault"))


# ---------------------------------------------------------------- claims


@pytest.fixture
def claimed(park: Any) -> Any:
    park.claim("s", "e1", "Enterprise", name="甲半导体", revenue=99.0)
    park.claim("t", "x", "Enterprise", name="甲", revenue=1.0)
    park.claim("t", "y", "Institution", name="甲院")
    park.records += [RecordRow("t", local, "e1", "e1", system_from=10) for local in ("x", "y")]
    return park


def claims(source: Source, *metas: MetaName, time: Time | None = None) -> Select:
    obj = Obj(tuple(Field(m.value, Leaf(Meta(m))) for m in metas))
    return Select(Ids("Thing", ("e1",)), One(Obj((Field("c", Select(source, Rows(obj), time=time or Time())),))))


@pytest.mark.usefixtures("claimed")
def test_claims_show_no_masked_property_and_no_unseen_class(ask: Any) -> None:
    select = claims(ClaimsOf("Enterprise"), MetaName.CLASS, MetaName.PROPERTIES)
    assert ask(select)["c"][0]["properties"] == {"name": "甲半导体", "revenue": 99.0}
    assert ask(select, PUBLIC)["c"][0]["properties"] == {"name": "甲半导体"}
    assert [c["class"] for c in ask(select)["c"]] == ["Enterprise", "Enterprise", "Institution"]
    assert [c["class"] for c in ask(select, Scope(3, frozenset({"Enterprise"})))["c"]] == ["Enterprise", "Enterprise"]
    # A mask on the class of another claim of the same entity counts as well.
    masked = ask(select, Scope(3, masks={"Institution": frozenset({"name"})}))["c"]
    assert [c["properties"] for c in masked] == [{"revenue": 99.0}, {"revenue": 1.0}, {}]
    conflicts = claims(ConflictsOf("Enterprise"), MetaName.PROPERTY)
    assert {c["property"] for c in ask(conflicts)["c"]} == {"name", "revenue"}
    assert {c["property"] for c in ask(conflicts, PUBLIC)["c"]} == {"name"}


@pytest.mark.usefixtures("claimed")
def test_claims_of_other_instants_are_refused_where_rows_are_limited(ask: Any) -> None:
    assert len(ask(claims(ClaimsOf("Enterprise"), MetaName.SOURCE), SOME)["c"]) == 3
    select = claims(ClaimsOf("Enterprise"), MetaName.SOURCE, time=Time(valid=Range()))
    assert len(ask(select)["c"]) == 3
    with pytest.raises(ScopeDenied):
        ask(select, SOME)


# ---------------------------------------------------------------- as a whole


def test_what_is_hidden_changes_no_byte(park: Any, ask: Any) -> None:
    """The same questions to two parks that differ only in what the level hides."""
    out = (Out("k", "group"), Out("n", "metric"), Out("s", "metric", 1))
    metrics = (Metric(MetricOp.COUNT), Metric(MetricOp.SUM, Prop("employees")))
    questions: list[Any] = [
        ids(Extent("Thing")),
        ids(Edges("suppliesTo", "Enterprise")),
        ids(Match("Thing", "戊")),
        Aggregate(Extent("Enterprise"), out, (Prop("status"),), metrics),
        ids(Walk((("suppliesTo", True),), "Enterprise", 1, 6, Ids("Enterprise", ("e1",)))),
        ids(Extent("Enterprise"), Exists(Step("suppliesTo", True, "Enterprise"))),
        Select(Extent("Thing"), Rows(Obj((Field("m", Leaf(Meta(MetaName.MERGED_FROM))),)))),
    ]
    before = [orjson.dumps(ask(q, Scope(1))) for q in questions]
    more = [orjson.dumps(ask(q)) for q in questions]
    assert all(a != b for a, b in zip(before[:6], more[:6], strict=True))
    park.versions = [replace(v, properties={"name": "x"}) if v.level_from else v for v in park.versions]
    park.edges = [e for e in park.edges if not e.level_from]
    park.entity("e9", "Enterprise", level=(2, 2**62), name="戊", employees=7, status="active")
    park.records[-1].level_from = 2
    park.records.append(RecordRow("h", "h", "e9", "e1", level_from=3, system_from=10))
    assert [orjson.dumps(ask(q, Scope(1))) for q in questions] == before


def test_everything_hides_nothing_and_nothing_is_secured_twice() -> None:
    query = Query((Root("it", ids(Extent("Thing"), ACTIVE)),), 5)
    secured = secure(query, PARK, EVERYTHING)
    assert secured == replace(query, level=3, secured=True)
    with pytest.raises(QueryError, match="already"):
        secure(secured, PARK, PUBLIC)


@pytest.mark.parametrize(("level", "seen"), [(0, False), (2, False), (3, True)])
def test_values_of_properties_that_are_gone_are_secret(level: int, seen: bool) -> None:
    raw = Field("raw", Leaf(Meta(MetaName.RAW)))
    query = Query((Root("x", Select(Extent("Enterprise"), Rows(Obj((raw,))))),), now=0)
    secured = secure(query, PARK, Scope(level=level))
    assert ("Fixed" not in repr(secured)) == seen
