"""An invented park as plain facts: the same for every system that is measured.

Sites with enterprises, who supply each other and make products. Each enterprise has three versions in time, of which a
layout without clocks holds the last one alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import OPEN, Interval
from kg.schema.types import Datatype
from kg.testing.schemas import ClassSpec, RelationSpec, build_schema, prop

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400_000_000
START = 1_600_000_000_000_000
"""From when the first versions hold; microseconds."""
NOW = START + 1500 * DAY
VERSIONS = 3
NAMES = "中芯虹长电科技半导体设备材料精密电子微纳光刻气体晶圆封测集成路智能制造北方盛美拓荆"
INDUSTRIES = tuple(f"C{i:02d}" for i in range(16))
WORDS = {"s": "园区", "p": "产品"}
"""What names of sites and products begin with, by the letter of their keys."""
CENTRE = (121.4, 31.2)
SOURCE = Source("register")

SCHEMA = build_schema(
    classes=(
        ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, "名称"),), abstract=True),
        ClassSpec("Site", "园区", properties=(prop("code", Datatype.STRING, indexed=True),)),
        ClassSpec("Product", "产品", properties=(prop("code", Datatype.STRING, indexed=True),)),
        ClassSpec(
            "Enterprise", "企业",
            properties=(
                prop("status", Datatype.STRING, values=("active", "suspended")),
                prop("industry", Datatype.STRING, indexed=True),
                prop("founded", Datatype.DATE), prop("employees", Datatype.INTEGER),
                prop("registeredCapital", Datatype.DOUBLE, indexed=True, unit="CNY"),
                prop("location", Datatype.GEOMETRY, indexed=True),
            ),
        ),
    ),
    relations=(
        RelationSpec("operatesAt", "经营于", "Enterprise", "Site", inverse="hosts"),
        RelationSpec(
            "suppliesTo", "供应", "Enterprise", "Enterprise", inverse="suppliedBy",
            properties=(prop("volume", Datatype.DOUBLE),),
        ),
        RelationSpec("produces", "生产", "Enterprise", "Product", inverse="producedBy"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How many enterprises; the rest follows: a site for 50, a product for 10, ten relations each."""

    enterprises: int

    @property
    def sites(self) -> int:
        return max(1, self.enterprises // 50)

    @property
    def products(self) -> int:
        return max(10, self.enterprises // 10)


def enterprise(i: int, version: int = VERSIONS - 1) -> dict[str, Any]:
    """Its properties in a version; `lon`, `lat` in degrees on WGS 84: some 20 km by 20, as a large park has."""
    rng = random.Random(i * VERSIONS + version)
    return {
        "name": "".join(rng.sample(NAMES, 8)) + f"{i}", "status": "active" if i % 5 else "suspended",
        "industry": INDUSTRIES[i % len(INDUSTRIES)], "founded": f"{1990 + i % 30}-0{1 + i % 9}-15",
        "employees": rng.randrange(1, 5000) + version, "registeredCapital": float(rng.randrange(1, 100_000)),
        "lon": round(121.3 + rng.random() * 0.2, 6), "lat": round(31.1 + rng.random() * 0.2, 6),
    }  # fmt: skip


def relations(size: Size) -> Iterator[tuple[str, str, str, float | None]]:
    """(relation, start, end, volume): seven supplies, two products, one site for each enterprise. Suppliers are
    neighbours, so that a chain stays within a part of the graph, as chains do."""
    rng = random.Random(1)
    for i in range(size.enterprises):
        yield "operatesAt", f"e{i}", f"s{i % size.sites}", None
        for end in sorted({min(size.enterprises - 1, i + 1 + rng.randrange(40)) for _ in range(7)} - {i}):
            yield "suppliesTo", f"e{i}", f"e{end}", round(rng.random() * 1000, 3)
        for product in sorted({rng.randrange(size.products) for _ in range(2)}):
            yield "produces", f"e{i}", f"p{product}", None


def change_sets(size: Size, batch: int) -> Iterator[tuple[str, ChangeSet, int]]:
    """(what it is, ChangeSet, system instant to commit it at), in order."""
    clock = NOW - 100 * DAY  # all is known afterwards, as of a register that is loaded today
    made: list[Any] = [_put("Site", f"s{i}", {"name": f"{WORDS['s']}{i}", "code": f"{i}"}) for i in range(size.sites)]
    made += [_put("Product", f"p{i}", {"name": f"{WORDS['p']}{i}", "code": f"{i}"}) for i in range(size.products)]
    batches: list[tuple[str, list[Any]]] = [("others", made[at : at + batch]) for at in range(0, len(made), batch)]
    for kind, part in batches:
        clock += 1_000_000
        yield kind, ChangeSet(tuple(part), run=kind, sources=(SOURCE,)), clock
    for version in range(VERSIONS):
        clock += 30 * DAY
        for at in range(0, size.enterprises, batch):
            clock += 1_000_000
            ids = range(at, min(at + batch, size.enterprises))
            part = [_put("Enterprise", f"e{i}", _stored(enterprise(i, version)), version) for i in ids]
            yield f"version {version + 1}", ChangeSet(tuple(part), run=f"v{version}", sources=(SOURCE,)), clock
    held: list[Any] = []
    for relation, start, end, volume in relations(size):
        values = {} if volume is None else {"volume": volume}
        ends = ByRecord("register", start), ByRecord("register", end)
        held.append(Relate("register", relation, *ends, values, Interval(START, OPEN)))
        if len(held) == batch:
            clock += 1_000_000
            yield "relations", ChangeSet(tuple(held), run="r", sources=(SOURCE,)), clock
            held = []
    if held:
        yield "relations", ChangeSet(tuple(held), run="r", sources=(SOURCE,)), clock + 1_000_000


def _put(cls: str, local: str, properties: dict[str, Any], version: int = 0) -> Put:
    return Put(RecordKey("register", local), cls, properties, Interval(START + version * 400 * DAY, OPEN))


def _stored(firm: dict[str, Any]) -> dict[str, Any]:
    place = f'{{"type":"Point","coordinates":[{firm["lon"]},{firm["lat"]}]}}'
    return {name: value for name, value in firm.items() if name not in ("lon", "lat")} | {"location": place}
