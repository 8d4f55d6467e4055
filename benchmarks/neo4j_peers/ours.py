"""The same questions as Query values."""

from __future__ import annotations

from benchmarks.neo4j_peers.facts import CENTRE, NOW
from kg.query import algebra as a
from kg.query.algebra import Comparison, MetaName, MetricOp, Op, PagePart


def leaf(key: str, expr: a.Expr) -> a.Field:
    return a.Field(key, a.Leaf(expr))


ID = leaf("id", a.Meta(MetaName.ID))
NAME = leaf("name", a.Prop("name"))
FIRM = a.Obj((ID, *(leaf(n, a.Prop(n)) for n in ("name", "status", "founded", "registeredCapital", "employees"))))


def questions(sample: list[str], site: str, sites: list[str], last: str) -> dict[str, a.Query]:
    """By name, as in `natural.questions`."""
    x, y = CENTRE
    both = a.And(
        (
            a.Cmp(Comparison.EQ, a.Prop("industry"), a.Const("C07")),
            a.Cmp(Comparison.EQ, a.Prop("status"), a.Const("active")),
        )
    )
    parts = a.PageOf((a.PageField("totalCount", PagePart.TOTAL), a.PageField("nodes", PagePart.NODES, obj=FIRM)))
    by_capital = (a.Order(a.Prop("registeredCapital"), descending=True),)
    products = a.Select(a.Step("produces", True, "Product"), a.Rows(a.Obj((NAME,))), page=a.Page(5))
    suppliers = a.Select(
        a.Step("suppliesTo", False, "Enterprise"),
        a.Rows(a.Obj((NAME, leaf("volume", a.Edge("volume")), a.Field("produces", products)))),
        order=(a.Order(a.Edge("volume"), descending=True),), page=a.Page(10),
    )  # fmt: skip
    hosts = a.Select(
        a.Step("operatesAt", False, "Enterprise"), a.Rows(a.Obj((NAME, a.Field("suppliedBy", suppliers)))),
        page=a.Page(20),
    )  # fmt: skip
    in_sites = a.Exists(
        a.Step("operatesAt", True, "Site"), a.Cmp(Comparison.IN, a.Meta(MetaName.ID), a.Const(tuple(sites)))
    )
    far = a.Calc(Op.DISTANCE, (a.Prop("location"), a.Const(x), a.Const(y)))
    actions: dict[str, a.Select | a.Aggregate] = {
        "page": a.Select(a.Extent("Enterprise"), parts, both, by_capital, a.Page(50)),
        "nested": a.Select(a.Ids("Site", (site,)), a.Rows(a.Obj((NAME, a.Field("hosts", hosts))))),
        "500 ids": a.Select(a.Ids("Enterprise", tuple(sample)), a.Aligned(FIRM)),
        "aggregate": a.Aggregate(
            a.Extent("Enterprise"),
            (a.Out("industry", "group", 0), a.Out("count", "metric", 0), a.Out("capital", "metric", 1)),
            (a.Prop("industry"),), (a.Metric(MetricOp.COUNT), a.Metric(MetricOp.SUM, a.Prop("registeredCapital"))),
            where=in_sites,
        ),
        "near": a.Select(
            a.Extent("Enterprise"), a.Rows(a.Obj((ID, NAME))), a.Near("location", x, y, 2000.0), (a.Order(far),),
            a.Page(100),
        ),
        "closure": a.Select(
            a.Walk((("suppliesTo", False),), "Enterprise", 1, 6, a.Ids("Enterprise", (last,))),
            a.Rows(a.Obj((ID, leaf("depth", a.Meta(MetaName.DEPTH))))),
        ),
        "5,000 rows": a.Select(a.Extent("Enterprise"), a.Rows(FIRM), page=a.Page(5000)),
    }  # fmt: skip
    actions["500 representations"] = actions["500 ids"]
    return {name: a.Query((a.Root("it", action),), NOW) for name, action in actions.items()}
