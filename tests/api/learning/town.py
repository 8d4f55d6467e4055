"""A made-up town whose supply follows its trades: what a model can learn, and two facts that it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from api.learning.links import LinkRecipe
from kg.ml.graph import Shares
from kg.ml.links.embedding import Training
from kg.ml.links.rules.mine import Mining
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import OPEN, Interval

if TYPE_CHECKING:
    from kg.store.base import Store

DAY = 86_400_000_000
Y2024 = 1_704_067_200_000_000
LOADED = Y2024 + 400 * DAY
SPLIT = LOADED + DAY
LATER = SPLIT + 30 * DAY
NOW = LATER + DAY
REGISTRY, CLOSED = Source("registry", "Registry", 10), Source("closed", "Closed", 20, level=2)
TRADES = ("C26", "C30", "C38", "C39")
FIRMS = 40
QUICK = LinkRecipe(
    shares=Shares(0.15, 0.15, 0),
    training=Training(rank=8, epochs=6, batch=50, check_every=3, patience=2),
    mining=Mining(walks=4000, starts=100),
)
YEARLY = replace(QUICK, name="yearly", every="year", moments=3)


def put(cls: str, local: str, **properties: object) -> Put:
    return Put(RecordKey("registry", local), cls, properties, Interval(Y2024 - 900 * DAY, OPEN))  # type: ignore[arg-type]


def tie(
    relation: str, start: str, end: str, *, valid_from: int = Y2024, source: str = "registry", level: int | None = None
) -> Relate:
    return Relate(
        source, relation, ByRecord("registry", start), ByRecord("registry", end), {}, Interval(valid_from, OPEN),
        level=level,
    )  # fmt: skip


def supply(start: int, end: int, *, valid_from: int = Y2024, source: str = "registry") -> Relate:
    return tie("suppliesTo", f"f{start}", f"f{end}", valid_from=valid_from, source=source)


def _point(lon: float, lat: float) -> str:
    return f'{{"type":"Point","coordinates":[{lon:.4f},{lat:.4f}]}}'


def town() -> ChangeSet:
    """Trade t supplies trade t + 1; three of four possible customers are known. Each trade keeps to two buildings."""
    things = [put("Industry", f"t{t}", name=f"行业{t}", code=code) for t, code in enumerate(TRADES)]
    things += [put("Building", f"b{b}", name=f"{b}号楼", geometry=_point(121.5 + b / 100, 31.2)) for b in range(8)]
    things += [put("Product", f"p{t}", name=f"产品{t}") for t in range(4)]
    things += [put("Enterprise", f"f{i}", name=f"示例{i}公司") for i in range(FIRMS)]
    ties = [tie("inputOf", f"p{t}", f"p{t + 1}") for t in range(3)]
    for i in range(FIRMS):
        trade = i % 4
        ties += [
            tie("belongsTo", f"f{i}", f"t{trade}"),
            tie("produces", f"f{i}", f"p{trade}", valid_from=Y2024 - (i % 3) * 300 * DAY),
            tie("operatesAt", f"f{i}", f"b{(2 * trade + (i // 4) % 5 // 4) % 8}"),
        ]
        ties += [supply(i, j) for j in range(FIRMS) if j % 4 == trade + 1 and (i + j // 4) % 4]
    return ChangeSet((*things, *ties), sources=(REGISTRY, CLOSED), run="town")


async def found(store: Store) -> dict[str, str]:
    """The town, loaded before the split, and a commit at the split that changes no fact; local name → entity id."""
    changes = town()
    receipt = await store.commit(changes, now=LOADED)
    await store.commit(ChangeSet((put("Person", "someone", name="某人"),), sources=(REGISTRY,)), now=SPLIT)
    locals_ = [c.record.local for c in changes.changes if isinstance(c, Put)]
    return dict(zip(locals_, receipt.entities, strict=True))


# What nobody knew at the split: f0 supplies no firm of its own trade in town().
FUTURE = ChangeSet(
    (
        supply(0, 4, valid_from=LATER),
        tie("operatesAt", "f0", "b7", valid_from=LATER),
        tie("belongsTo", "f1", "t0", valid_from=LATER),
    ),
    run="future",
)
LATE = ChangeSet((supply(0, 8), tie("operatesAt", "f0", "b6"), tie("belongsTo", "f2", "t0")), run="late")
EARLY = replace(LATE, run="early")
HIDDEN = ChangeSet(
    (supply(0, 4, source="closed"), tie("operatesAt", "f0", "b7", source="closed")), sources=(CLOSED,), run="hidden"
)
