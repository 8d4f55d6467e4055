"""A few firms, products and plots for questions end to end; all invented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import OPEN, Interval

if TYPE_CHECKING:
    from kg.store.base import Store

DAY = 86_400_000_000
Y2024, Y2025 = 1_704_067_200_000_000, 1_735_689_600_000_000
REGISTRY, SURVEY, SECRET = "registry", "survey", "intelligence"
SOURCES = (Source(REGISTRY, "Registry", 10), Source(SURVEY, "Survey", 5), Source(SECRET, "Closed", 20, 2))


def _point(lon: float, lat: float) -> str:
    return f'{{"type":"Point","coordinates":[{lon},{lat}]}}'


def _put(cls: str, local: str, source: str = REGISTRY, valid: Interval | None = None, **properties: object) -> Put:
    return Put(RecordKey(source, local), cls, properties, valid or Interval(Y2024, OPEN))  # type: ignore[arg-type]


def _of(local: str) -> ByRecord:
    return ByRecord(REGISTRY, local)


def _supply(start: str, end: str, product: str, share: float) -> Relate:
    return Relate(
        REGISTRY, "suppliesTo", _of(start), _of(end), {"product": _of(product), "share": share}, Interval(Y2024, OPEN)
    )


FIRST = ChangeSet(
    (
        _put("Product", "p1", name="硅片", code="2613", price=10.5),
        _put("Product", "p2", name="光刻胶", code="2669"),
        _put("Enterprise", "a", name="甲芯科技", status="active", founded="2015-03-01", employees=120, listed=True,
             registeredCapital=5_000_000.0, tags=("chip", "park"), location=_point(121.5, 31.2), industry="C39",
             revenue=1e9),
        _put("Enterprise", "b", name="乙材料", status="active", founded="2018", employees=30, listed=False,
             registeredCapital=800_000.0, location=_point(121.52, 31.21), industry="C26"),
        _put("Enterprise", "c", name="丙化工", status="suspended", founded="2018-07", employees=55,
             registeredCapital=800_000.0, location=_point(121.9, 31.5), industry="C26"),
        _put("Institution", "i", name="微电子研究所", kind="laboratory", budget=9_000_000_000),
        _put("Plot", "l", name="一号地块", plotNumber="A-12", area=2000.0, landUse="industrial",
             geometry='{"type":"Polygon","coordinates":[[[121.49,31.19],[121.53,31.19],[121.53,31.22],[121.49,31.22],[121.49,31.19]]]}'),
        _supply("b", "a", "p1", 0.6),
        _supply("c", "b", "p2", 0.25),
        _supply("c", "a", "p2", 0.1),
        Relate(REGISTRY, "locatedIn", _of("a"), _of("l"), {}, Interval(Y2024, OPEN)),
        Relate(REGISTRY, "produces", _of("b"), _of("p1"), {"capacity": 12.0}, Interval(Y2024, OPEN)),
    ),
    sources=SOURCES,
    run="first",
)  # fmt: skip
SECOND = ChangeSet(
    (
        _put("Enterprise", "a", valid=Interval(Y2025, OPEN), name="甲芯集团", status="active", founded="2015-03-01",
             employees=150, listed=True, registeredCapital=6_000_000.0, location=_point(121.5, 31.2)),
        Put(RecordKey(SURVEY, "s-a"), "Enterprise", {"employees": 149, "name": "甲芯集团"}, Interval(Y2025, OPEN),
            entity=_of("a")),
        Put(RecordKey(SECRET, "x-b"), "Enterprise", {"name": "乙材料（受控）"}, Interval(Y2025, OPEN), entity=_of("b")),
    ),
    sources=SOURCES,
    run="second",
)  # fmt: skip
T1, T2, NOW = Y2025 + DAY, Y2025 + 2 * DAY, Y2025 + 30 * DAY


async def load(store: Store) -> dict[str, str]:
    """Commit both change sets; local name → entity id."""
    names = [c.record.local for c in FIRST.changes if isinstance(c, Put)]
    receipt = await store.commit(FIRST, now=T1)
    await store.commit(SECOND, now=T2)
    return dict(zip(names, receipt.entities, strict=True))
