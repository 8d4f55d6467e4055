"""A small park of invented firms, as rows, for tests of the interpreter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kg.geo.geometry import canonical, point
from kg.model.intervals import MIN, OPEN
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, VersionRow
from kg.query.algebra import Aggregate, Query, Root, Select, Time
from kg.query.cursor import CursorCodec
from kg.query.interpreter import Interpreter
from kg.query.secure import Scope, secure
from kg.testing.schemas import PARK

LATEST = 100


@dataclass
class Rows:
    """Rows of a store as lists."""

    records: list[RecordRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    versions: list[VersionRow] = field(default_factory=list)
    edges: list[EdgeRow] = field(default_factory=list)
    identifiers: list[IdentifierRow] = field(default_factory=list)

    def entity(
        self, id_: str, cls: str, valid: tuple[int, int] = (MIN, OPEN), system: tuple[int, int] = (10, OPEN),
        level: tuple[int, int] = (0, OPEN), **properties: Any,
    ) -> None:  # fmt: skip
        self.versions.append(VersionRow(id_, cls, properties, {"": "s"}, *valid, *level, *system))
        if not any(r.entity == id_ for r in self.records):
            self.records.append(RecordRow("s", id_, id_, id_, system_from=10))

    def relate(
        self, edge: str, relation: str, start: str, end: str, valid: tuple[int, int] = (MIN, OPEN),
        system: tuple[int, int] = (10, OPEN), level: tuple[int, int] = (0, OPEN), **properties: Any,
    ) -> None:  # fmt: skip
        self.edges.append(EdgeRow(edge, relation, start, end, properties, {"": "s"}, *valid, *level, *system))

    def claim(self, source: str, local: str, cls: str, level: int = 0, **properties: Any) -> None:
        row = ClaimRow(source, local, cls, properties, MIN, OPEN, level, 1.0, None, False, "run1", system_from=10)
        self.claims.append(row)


@pytest.fixture
def park() -> Rows:
    """Five enterprises in a ring of supply, with two products, a plot, an institution, and some history."""
    rows = Rows()
    square = canonical({"type": "Polygon", "coordinates": [[[121, 31], [122, 31], [122, 32], [121, 32], [121, 31]]]})
    rows.entity("p1", "Product", name="晶圆", code="3801", price=10.5)
    rows.entity("p2", "Product", name="靶材", code="3802")
    rows.entity("plot", "Plot", name="A地块", plotNumber="A-01", geometry=square, area=120.0, landUse="industrial")
    rows.entity("e1", "Enterprise", name="甲半导体", alias=("Jia", "JSemi"), employees=10, registeredCapital=1.5,
                status="active", founded="2010-05-01", location=point(121.5, 31.5), tags=("a", "b"), listed=True,
                checkedAt=1_700_000_000_000_000, revenue=99.0, industry="C39")  # fmt: skip
    rows.entity("e2", "Enterprise", name="乙材料", employees=20, registeredCapital=2.5, status="active",
                founded="2011-06", location=point(121.6, 31.5), tags=("b",), industry="C39")  # fmt: skip
    rows.entity("e3", "Enterprise", (MIN, 50), name="丙设备", employees=30, status="active", founded="2012")
    rows.entity("e3", "Enterprise", (50, OPEN), name="丙装备", employees=35, status="suspended", founded="2012")
    rows.entity("e4", "Enterprise", name="Zhongxing 丁", employees=20, location=point(120.0, 30.0))
    rows.entity("e5", "Enterprise", level=(2, OPEN), name="戊", employees=1)
    rows.entity("i1", "Institution", name="集成电路研究院", kind="laboratory", budget=2**40, status="active")
    rows.relate("s1", "suppliesTo", "e1", "e2", product="p1", share=0.5, qualification="ISO")
    rows.relate("s2", "suppliesTo", "e1", "e2", product="p2", share=0.25)
    rows.relate("s3", "suppliesTo", "e2", "e3", product="p1", share=0.75)
    rows.relate("s4", "suppliesTo", "e3", "e1", (MIN, 60), product="p1")
    rows.relate("s5", "suppliesTo", "e3", "e4", product="p2", share=0.1)
    rows.relate("s6", "suppliesTo", "e4", "e5", level=(2, OPEN), product="p2")
    rows.relate("m1", "produces", "e1", "p1", capacity=7.0)
    rows.relate("l1", "locatedIn", "e1", "plot")
    rows.relate("l2", "locatedIn", "i1", "plot")
    rows.identifiers.append(IdentifierRow("uscc", "U1", "e1", MIN, OPEN, system_from=10))
    rows.identifiers.append(IdentifierRow("plotNumber", "A-01", "plot", MIN, 80, system_from=10))
    return rows


Ask = Callable[..., Any]


@pytest.fixture
def ask(park: Rows) -> Ask:
    """ask(action, scope, now=, time=): the answer under the one root."""

    def run(action: Select | Aggregate, scope: Scope | None = None, *, now: int = 40, time: Time | None = None) -> Any:
        query = Query((Root("it", action),), now, time or Time())
        secured = secure(query, PARK, scope or Scope(level=3))
        return Interpreter(PARK, park, CursorCodec(b"x" * 32), LATEST).run(secured)["it"]

    return run
