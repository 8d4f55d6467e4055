from hypothesis import given, settings
from hypothesis import strategies as st

from kg.query.algebra import (
    After,
    Aggregate,
    And,
    Calc,
    Cmp,
    Comparison,
    Const,
    Cursor,
    Edge,
    EdgeField,
    Exists,
    Extent,
    Field,
    Fixed,
    Having,
    Ids,
    InfoPart,
    IsA,
    Join,
    Leaf,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Near,
    Not,
    Obj,
    Op,
    Order,
    Out,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Query,
    Range,
    Root,
    Rows,
    Select,
    Step,
    Time,
    Walk,
)
from kg.query.printer import text
from kg.testing import strategies as s


def test_a_query_reads_like_a_sentence() -> None:
    node = Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("name", Leaf(Prop("name")), ("Enterprise",))))
    products = Join("product", "Product", Obj((Field("name", Leaf(Prop("name"))),)))
    supplies = Select(
        Step("suppliesTo", True, "Enterprise"),
        Rows(Obj((Field("share", Leaf(Edge("share"))), Field("product", products)))),
        time=Time(valid=5),
    )
    where = And(
        (
            Cmp(Comparison.GE, Prop("employees"), Const(10)),
            Not(IsA("Institution")),
            Near("location", 121.5, 31.5, 2000.0),
            Exists(
                Step("suppliesTo", False, "Enterprise"), Cmp(Comparison.IS_NULL, Prop("status"), Const(False)), 0, 0
            ),
            Exists(Walk((("suppliesTo", True), ("suppliesTo", False)), "Enterprise", 1, 3)),
        )
    )
    page = PageOf(
        (
            PageField("nodes", PagePart.NODES, node),
            PageField("edges", PagePart.EDGES, edge=(EdgeField("cursor", Cursor()), EdgeField("supplies", node))),
            PageField("total", PagePart.TOTAL),
            PageField("info", PagePart.INFO, info=(("next", InfoPart.HAS_NEXT), ("t", Fixed("PageInfo")))),
        )
    )
    select = Select(
        Extent("Organisation"), page, where, (Order(Prop("name"), True),), Page(20, After(("中芯",), "e1"), "b")
    )
    total = Aggregate(
        Extent("Enterprise"),
        (Out("year", "group"), Out("m", "object", fields=(Out("n", "metric"), Out("sum", "metric", 1)))),
        (Calc(Op.YEAR, (Prop("founded"),)),),
        (Metric(MetricOp.COUNT), Metric(MetricOp.SUM, Calc(Op.MULTIPLY, (Prop("employees"), Const(2))))),
        having=(Having(Comparison.GT, 0, 3),),
        order=(("metric", 1, True),),
        first=5,
    )
    one = Select(Ids("Enterprise", ("e1",)), Rows(Obj((Field("to", supplies),))))
    history = Select(Extent("Plot"), Rows(node), time=Time(valid=Range(1, None)))
    query = Query(
        (Root("page", select), Root("total", total), Root("one", one), Root("history", history)), 7, Time(system=9)
    )
    assert text(query) == EXPECTED


EXPECTED = """\
query now 7 system 9 (not secured)
  page: all Organisation
    where (employees >= 10 and not is a Institution and location within 2000.0 m of (121.5, 31.5) and none \
(<-suppliesTo- Enterprise where status is not null) and some (walk -suppliesTo-> | <-suppliesTo- 1..3 to Enterprise))
    order by name desc
    page first 20 after ["中芯", "e1", ""]
    page {
      nodes: nodes {
        id: @id
        name on Enterprise: name
      }
      edges: edges {
        cursor: cursor
        supplies: {
          id: @id
          name on Enterprise: name
        }
      }
      total: totalCount
      info: info { next = hasNextPage, t = "PageInfo" }
    }
  total: aggregate all Enterprise
    group by year(founded)
    having count > 3
    order by sum((employees * 2)) desc
    first 5
    {
      year: year(founded)
      m: { n: count, sum: sum((employees * 2)) }
    }
  one: Enterprise by id ["e1"]
    rows {
      to: -suppliesTo-> Enterprise valid 5
        rows {
          share: edge share
          product: edge product as Product {
            name: name
          }
        }
    }
  history: all Plot valid [1..)
    rows {
      id: @id
      name on Enterprise: name
    }"""


@settings(max_examples=25)
@given(st.data())
def test_every_query_has_a_text_and_equal_ones_an_equal_one(data: st.DataObject) -> None:
    schema = data.draw(s.schemas())
    query = data.draw(s.queries(schema, s.Known(), depth=2))
    printed = text(query)
    assert printed == text(Query(query.roots, query.now, query.time))
    assert len(printed.splitlines()) > len(query.roots)
