"""Operations against the Query values that they must become."""

from __future__ import annotations

from typing import Any

import pytest

from api.graphql.compile import Limits
from kg.errors import JingweiError, LimitExceeded
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
    Prop,
    Range,
    Root,
    Rows,
    Select,
    Self,
    Spatial,
    Step,
    Time,
    Trail,
    Walk,
)

NAME = Field("name", Leaf(Prop("name")))
ID = Field("id", Leaf(Meta(MetaName.ID)))


def action(compiled: Any, index: int = 0) -> Any:
    assert compiled.faults == ()
    return compiled.query.roots[index].action


def where(compile_text: Any, text: str, **variables: Any) -> Any:
    declared = ", ".join(f"${n}: {t}" for n, (t, _) in variables.items())
    head = f"query({declared})" if declared else ""
    made = compile_text(
        f"{head}{{ enterprises(where: {text}) {{ totalCount }} }}", {n: v for n, (_, v) in variables.items()}
    )
    return action(made).where


def test_a_page(compile_text: Any) -> None:
    made = compile_text("{ a: enterprises(first: 10) { n: nodes { id name } totalCount pageInfo { hasNextPage } } }")
    shape = PageOf(
        (
            PageField("n", PagePart.NODES, obj=Obj((ID, NAME))),
            PageField("totalCount", PagePart.TOTAL),
            PageField("pageInfo", PagePart.INFO, info=(("hasNextPage", InfoPart.HAS_NEXT),)),
        )
    )
    assert made.query.roots == (Root("a", Select(Extent("Enterprise"), shape, page=Page(10, None, "binding"))),)


def test_edges_carry_the_relation(compile_text: Any) -> None:
    made = action(
        compile_text(
            '{ enterprise(id: "e") { suppliedBy(first: 3, edgeOrderBy: [{share: desc}]) '
            "{ edges { cursor share validFrom product { name } node { name } } } } }"
        )
    )
    assert made.source == Ids("Enterprise", ("e",))
    (field,) = made.shape.obj.fields
    assert field.shape.source == Step("suppliesTo", False, "Enterprise")
    assert field.shape.order == (Order(Edge("share"), True),)
    assert field.shape.shape.fields[0].edge == (
        EdgeField("cursor", Cursor()),
        EdgeField("share", Leaf(Edge("share"))),
        EdgeField("validFrom", Leaf(Meta(MetaName.EDGE_VALID_FROM))),
        EdgeField("product", Join("product", "Product", Obj((NAME,)))),
        EdgeField("node", Obj((NAME,))),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{name: {eq: "x"}}', Cmp(Comparison.EQ, Prop("name"), Const("x"))),
        ("{status: {in: [active, revoked]}}", Cmp(Comparison.IN, Prop("status"), Const(("active", "revoked")))),
        ("{employees: {gte: 5}}", Cmp(Comparison.GE, Prop("employees"), Const(5))),
        ('{founded: {lt: "2020-05"}}', Cmp(Comparison.LT, Prop("founded"), Const("2020-05"))),
        ('{checkedAt: {gt: "1970-01-01T08:00:01+08:00"}}', Cmp(Comparison.GT, Prop("checkedAt"), Const(1_000_000))),
        ("{listed: {isNull: true}}", Cmp(Comparison.IS_NULL, Prop("listed"), Const(True))),
        ('{uscc: {eq: "9131 0000-abc"}}', Cmp(Comparison.EQ, Prop("uscc"), Const("91310000ABC"))),
        ("{location: {near: {lon: 1, lat: 2, metres: 3}}}", Near("location", 1.0, 2.0, 3.0)),
        (
            "{location: {bbox: {west: 170, south: 1, east: -170, north: 2}}}",
            Spatial("bbox", "location", "[170.0, 1.0, -170.0, 2.0]"),
        ),
        (
            '{location: {within: {type: "Point", coordinates: [1, 2]}}}',
            Spatial("within", "location", '{"type":"Point","coordinates":[1.0,2.0]}'),
        ),
        (
            '{location: {gridPrefix: "N51J"}}',
            Cmp(Comparison.EQ, Calc(Op.GRID, (Prop("location"), Const(1))), Const("N51J")),
        ),
        (
            '{location: {gridPrefix: "n51j0"}}',
            Cmp(Comparison.STARTS_WITH, Calc(Op.GRID, (Prop("location"), Const(2))), Const("N51J0")),
        ),
        (
            '{or: [{name: {contains: "芯"}}, {not: {tags: {eq: "a"}}}]}',
            Or(
                (
                    Cmp(Comparison.CONTAINS, Prop("name"), Const("芯")),
                    Not(Cmp(Comparison.EQ, Prop("tags"), Const("a"))),
                )
            ),
        ),
        (
            '{id: {in: ["a"]}, name: {startsWith: "b", ne: "c"}}',
            And(
                (
                    Cmp(Comparison.IN, Meta(MetaName.ID), Const(("a",))),
                    And(
                        (
                            Cmp(Comparison.NE, Prop("name"), Const("c")),
                            Cmp(Comparison.STARTS_WITH, Prop("name"), Const("b")),
                        )
                    ),
                )
            ),
        ),
        (
            "{suppliesTo: {some: {node: {listed: {eq: true}}, edge: {share: {gt: 0.5}}}}}",
            Exists(
                Step("suppliesTo", True, "Enterprise"),
                And(
                    (
                        Cmp(Comparison.EQ, Prop("listed"), Const(True)),
                        Cmp(Comparison.GT, Edge("share"), Const(0.5)),
                    )
                ),
            ),
        ),
        ("{suppliedBy: {none: {}}}", Exists(Step("suppliesTo", False, "Enterprise"), None, 0, 0)),
        ("{produces: {count: {min: 2, max: 4}}}", Exists(Step("produces", True, "Product"), None, 2, 4)),
        ("{or: []}", Or(())),
        ("{}", None),
    ],
)
def test_where(compile_text: Any, text: str, expected: object) -> None:
    assert where(compile_text, text) == expected


def test_where_in_a_variable(compile_text: Any) -> None:
    made = where(compile_text, "$w", w=("EnterpriseWhere", {"status": {"eq": "active"}}))
    assert made == Cmp(Comparison.EQ, Prop("status"), Const("active"))


def test_fragments_on_classes_stand_on_those_alone(compile_text: Any) -> None:
    made = action(
        compile_text(
            """{ things(first: 2) { nodes
               { __typename ...on Organisation { status } ...named ...on Plot { area name } } } }
            fragment named on Enterprise { name again: name @skip(if: true) }"""
        )
    )
    (nodes,) = made.shape.fields
    every = ("Enterprise", "Institution", "Plot", "Product")
    assert made.source == Extent("Thing")
    assert nodes.obj == Obj(
        (
            Field("__typename", Leaf(Meta(MetaName.CLASS))),
            Field("status", Leaf(Prop("status")), ("Enterprise", "Institution")),
            Field("name", Leaf(Prop("name")), ("Enterprise",)),
            Field("area", Leaf(Prop("area")), ("Plot",)),
            Field("name", Leaf(Prop("name")), ("Plot",)),
        )
    )
    assert set(every) == {"Enterprise", "Institution", "Plot", "Product"}


def test_keys_that_meet_are_merged(compile_text: Any) -> None:
    made = action(compile_text('{ node(id: "x") { id ...on Plot { area } ...on Plot { area name } } }'))
    assert made.shape == One(
        Obj((ID, Field("area", Leaf(Prop("area")), ("Plot",)), Field("name", Leaf(Prop("name")), ("Plot",))))
    )


def test_include_by_variable(compile_text: Any) -> None:
    text = 'query($on: Boolean!) { enterprise(id: "e") { name id @include(if: $on) } }'
    assert action(compile_text(text, {"on": True})).shape == One(Obj((NAME, ID)))
    assert action(compile_text(text, {"on": False})).shape == One(Obj((NAME,)))


def test_one_by_identifier_is_normalised(compile_text: Any) -> None:
    assert action(compile_text('{ enterprise(uscc: "9131 0000-1") { name } }')).source == Keys(
        "Enterprise", (("uscc", "913100001"),)
    )


def test_as_of_on_root_and_nested(compile_text: Any) -> None:
    made = action(
        compile_text(
            '{ enterprises(asOf: {valid: "1970-01-01T00:00:01Z"}) { nodes '
            '{ produces(asOf: {system: "1970-01-01T00:00:02Z"}) { totalCount } } } }'
        )
    )
    assert made.time == Time(1_000_000, None)
    assert made.shape.fields[0].obj.fields[0].shape.time == Time(None, 2_000_000)


def test_history(compile_text: Any) -> None:
    made = action(
        compile_text(
            '{ enterprise(id: "e") { versions(valid: {from: "1970-01-01T00:00:01Z"}) { name validFrom } '
            "claims(system: {}, first: 5) { source properties } conflicts { property chosen __typename } } }"
        )
    )
    versions, claims, conflicts = (f.shape for f in made.shape.obj.fields)
    assert versions == Select(
        Self("Enterprise"),
        Rows(Obj((NAME, Field("validFrom", Leaf(Meta(MetaName.VALID_FROM)))))),
        time=Time(Range(1_000_000, None), None),
    )
    assert claims == Select(
        ClaimsOf("Enterprise"),
        Rows(Obj((Field("source", Leaf(Meta(MetaName.SOURCE))), Field("properties", Leaf(Meta(MetaName.PROPERTIES)))))),
        page=Page(5),
        time=Time(Range(), Range()),
    )
    assert conflicts.source == ConflictsOf("Enterprise")
    assert conflicts.shape.obj.fields[2] == Field("__typename", Fixed("Conflict"))


def test_closure(compile_text: Any) -> None:
    made = action(
        compile_text(
            '{ enterprise(id: "e") { suppliedByClosure(minDepth: 2, maxDepth: 4, through: {listed: {eq: true}}) '
            "{ edges { depth path via node { name } } } } }"
        )
    ).shape.obj.fields[0]
    assert made.shape.source == Walk(
        (("suppliesTo", False),), "Enterprise", 2, 4, through=Cmp(Comparison.EQ, Prop("listed"), Const(True))
    )
    assert [e.key for e in made.shape.shape.fields[0].edge] == ["depth", "path", "via", "node"]


def test_paths(compile_text: Any) -> None:
    made = action(
        compile_text(
            '{ paths(from: "a", to: ["b", "c"], relations: [suppliedBy]) { depth nodes { id } end { name } } }'
        )
    )
    assert made.source == Walk((("suppliesTo", False),), "Thing", 0, 6, Ids("Thing", ("a",)))
    assert made.where == Cmp(Comparison.IN, Meta(MetaName.ID), Const(("b", "c")))
    assert made.shape.obj.fields[1] == Field("nodes", Trail(Obj((ID,))))


def test_search_orders_by_rank(compile_text: Any) -> None:
    made = action(compile_text('{ search(text: "中芯", in: Organisation) { edges { rank node { name } } } }'))
    assert made.source == Match("Organisation", "中芯")
    assert made.order == (Order(Meta(MetaName.RANK)),)


def test_aggregate(compile_text: Any) -> None:
    made = action(
        compile_text(
            """{ enterpriseAggregate(groupBy: [status, foundedYear, locationGrid], gridLevel: 6,
                 having: [{figure: count, gte: 2}], orderBy: [{figure: sum, of: registeredCapital, direction: desc}])
               { count group { status foundedYear cell: locationGrid } sum { registeredCapital } max { founded } } }"""
        )
    )
    assert made == Aggregate(
        Extent("Enterprise"),
        (
            Out("count", "metric", 0),
            Out(
                "group",
                "object",
                fields=(Out("status", "group", 0), Out("foundedYear", "group", 1), Out("cell", "group", 2)),
            ),
            Out("sum", "object", fields=(Out("registeredCapital", "metric", 1),)),
            Out("max", "object", fields=(Out("founded", "metric", 2),)),
        ),
        (Prop("status"), Calc(Op.YEAR, (Prop("founded"),)), Calc(Op.GRID, (Prop("location"), Const(6)))),
        (
            Metric(MetricOp.COUNT),
            Metric(MetricOp.SUM, Prop("registeredCapital")),
            Metric(MetricOp.MAX, Prop("founded")),
        ),
        having=(Having(Comparison.GE, 0, 2),),
        order=(("metric", 1, True),),
    )


def test_aggregates_of_relations(compile_text: Any) -> None:
    made = compile_text(
        """{ suppliesToRelationAggregate(where: {listed: {eq: true}}, groupBy: [product]) { avg { share } }
             enterprise(id: "e") { suppliedByAggregate { count sum { share } } } }"""
    )
    assert action(made).source == Edges("suppliesTo", "Enterprise")
    assert action(made).group == (Edge("product"),)
    nested = action(made, 1).shape.obj.fields[0].shape
    assert nested.source == Step("suppliesTo", False, "Enterprise")
    assert nested.metrics == (Metric(MetricOp.COUNT), Metric(MetricOp.SUM, Edge("share")))


def test_lookup_and_nodes_are_aligned(compile_text: Any) -> None:
    made = compile_text(
        '{ lookup(identifiers: [{scheme: plotNumber, value: "a-12"}]) { name } nodes(ids: ["x", "y"]) { id } }'
    )
    assert action(made) == Select(Keys("Thing", (("plotNumber", "A-12"),)), Aligned(Obj((NAME,))))
    assert action(made, 1) == Select(Ids("Thing", ("x", "y")), Aligned(Obj((ID,))))


ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { __typename ...on Plot { name } ...on Enterprise { name } } }"  # noqa: E501


def test_entities_of_one_class_are_one_root(compile_text: Any) -> None:
    made = compile_text(ENTITIES, {"r": [{"__typename": "Plot", "id": "a"}, {"__typename": "Plot", "id": "b"}]})
    assert made.assemble is None
    assert action(made) == Select(Ids("Plot", ("a", "b")), Aligned(Obj((Field("__typename", Fixed("Plot")), NAME))))


def test_entities_of_several_classes_are_put_back_in_order(compile_text: Any) -> None:
    given = [
        {"__typename": "Plot", "id": "a"},
        {"__typename": "Enterprise", "uscc": "u"},
        {"__typename": "Plot", "id": "b"},
    ]
    made = compile_text("query($r: [_Any!]!) { x: __typename " + ENTITIES.split("{", 1)[1], {"r": given})
    assert [r.key for r in made.query.roots] == ["x", " _entities 0", " _entities 1"]
    assert made.query.roots[2].action.source == Keys("Enterprise", (("uscc", "U"),))
    answer = made.assemble(b'{"x":"Query"," _entities 0":[1,2]," _entities 1":[null]}')
    assert answer == b'{"x":"Query","_entities":[1,null,2]}'


def test_after_takes_instants_from_the_cursor(compile_text: Any) -> None:
    made = action(compile_text('{ enterprises(after: "c") { totalCount } }'))
    assert made.page == Page(50, After(("c",), "id"), "binding")
    assert made.time == Time(1, 2)


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        ("{ enterprises(where: {name: null}) { totalCount } }", "null", "isNull"),
        ("{ enterprises(where: {name: {eq: null}}) { totalCount } }", "null", "isNull"),
        ("{ enterprises(orderBy: [{name: asc, id: asc}]) { totalCount } }", "exactly one key", ""),
        ("{ enterprises(first: -1) { totalCount } }", "negative", "0 or more"),
        ("{ enterprise { name } }", "exactly one", "id, uscc"),
        ('{ enterprise(id: "a", uscc: "b") { name } }', "exactly one", "id, uscc"),
        ('{ search(text: " ") { totalCount } }', "no text", "one character"),
        ("{ enterprises { nodes { versions { suppliesTo { totalCount } } } } }", "versions", "asOf"),
        ("{ enterprises { nodes { versions { claims { source } } } } }", "one instant", "beside"),
        ("{ enterprises { nodes { produces(after: \"x\") { totalCount } } } }", "many", "one parent"),
        ("{ enterpriseAggregate(groupBy: [status]) { group { industry } } }", "not grouped by industry", "groupBy: [status, industry]"),  # noqa: E501
        ("{ enterpriseAggregate(groupBy: [locationGrid]) { count } }", "gridLevel", "gridLevel: 6"),
        ("{ enterpriseAggregate(having: [{figure: sum, gte: 1}]) { count } }", "needs a property", "of"),
        ("{ enterpriseAggregate(having: [{figure: count}]) { count } }", "nothing", "gte"),
        ("{ enterprises(where: {location: {near: {lon: 31, lat: 121, metres: 1}}}) { totalCount } }", "not on the earth", "lon"),  # noqa: E501
        ("{ enterprises(where: {location: {gridPrefix: \"\"}}) { totalCount } }", "grid code", "N51J"),
        ('{ enterprises(where: {location: {within: {type: "Circle"}}}) { totalCount } }', "geometry type", "Polygon"),
        ('{ enterprise(id: "e") { suppliesToClosure(minDepth: 3, maxDepth: 2) { totalCount } } }', "empty", "minDepth"),
        ('{ enterprise(id: "e") { versions(valid: {from: "2025-01-01T00:00:00Z", to: "2024-01-01T00:00:00Z"}) { id } } }', "empty", "before"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_fault_nulls_its_root_and_says_what_to_do(compile_text: Any, text: str, says: str, remedy: str) -> None:
    made = compile_text(text)
    assert [r.action for r in made.query.roots] == [Fixed(None)]
    ((_, key, error),) = made.faults
    assert isinstance(error, JingweiError)
    assert says in error.message
    assert remedy in error.remedy
    assert error.where.startswith(key) or not error.where


def test_a_fault_leaves_other_roots(compile_text: Any) -> None:
    made = compile_text('{ plots(first: -1) { totalCount } node(id: "x") { id } }')
    assert [type(r.action) for r in made.query.roots] == [Fixed, Select]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("{ enterprises(first: 1001) { totalCount } }", Limits()),
        ("{ enterprises(first: 1000) { nodes { suppliesTo(first: 1000) { nodes { name } } } } }", Limits()),
        ("{ enterprises(first: 1) { nodes { suppliesTo { nodes { suppliesTo { totalCount } } } } } }", Limits(depth=1)),
        (
            "{ enterprises(where: {suppliesTo: {some: {node: {suppliesTo: {none: {}}}}}}) { totalCount } }",
            Limits(depth=1),
        ),
        ('{ enterprise(id: "e") { suppliesToClosure(maxDepth: 13) { totalCount } } }', Limits()),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', Limits(representations=2)),
        ("{ enterprises(first: 1) { nodes { name id status } } }", Limits(fields=4)),
    ],
)
def test_limits_fail_the_operation(compile_text: Any, text: str, limits: Limits) -> None:
    with pytest.raises(LimitExceeded) as caught:
        compile_text(text, limits=limits)
    assert caught.value.remedy


def test_fragment_bombs_stop_at_the_limit(compile_text: Any) -> None:
    # Each level doubles: 2**14 fields out of 15 short fragments.
    levels = [f"fragment f{i} on Enterprise {{ a: suppliesTo {{ nodes {{ ...f{i + 1} }} }} b: suppliedBy {{ nodes {{ ...f{i + 1} }} }} }}" for i in range(14)]  # noqa: E501  # fmt: skip
    text = "{ enterprises { nodes { ...f0 } } } " + " ".join(levels) + " fragment f14 on Enterprise { name }"
    with pytest.raises(LimitExceeded):
        compile_text(text, limits=Limits(depth=100, cost=10**30, fields=2000))


def test_plain_answers_carry_type_names(compile_text: Any) -> None:
    made = action(compile_text("{ things { nodes { name } } }", plain=True))
    first = made.shape.fields[0].obj.fields[0]
    assert (first.key, first.shape) == (" t", Leaf(Meta(MetaName.CLASS)))
