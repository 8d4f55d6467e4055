"""The first few by distance: circles widen until they hold enough, wherever on the globe they lie."""

import random
from pathlib import Path

import pytest

from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.query.algebra import Calc, Const, Extent, Field, Leaf, Obj, Op, Order, Page, Prop, Query, Root, Rows, Select
from kg.query.secure import EVERYTHING
from kg.store.memory import MemoryStore
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PARK

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000_000_000
PLACES = ((121.4, 31.2), (179.99, 10.0), (-179.9, -5.0), (-180.0, 0.0), (10.0, 89.95), (0.0, -90.0), (100.0, -89.9))


def enterprise(number: int, lon: float, lat: float) -> Put:
    point = f'{{"type":"Point","coordinates":[{round(lon, 6)},{round(lat, 6)}]}}'
    return Put(RecordKey("a", str(number)), "Enterprise", {"name": f"E{number}", "location": point})


def scattered(rng: random.Random) -> list[Put]:
    """Around each place at many scales, over the antimeridian and the poles; some at one place."""
    out: list[Put] = []
    for lon, lat in PLACES:
        for _ in range(30):
            spread = 10 ** rng.uniform(-4, 1)
            north = lat + rng.uniform(-spread, spread)
            if abs(north) > 90:
                north = (180 - abs(north)) * (1 if north > 0 else -1)
            east = (lon + rng.uniform(-spread, spread) * (20 if abs(lat) > 80 else 1) + 180) % 360 - 180
            out.append(enterprise(len(out), east, north))
        out.append(enterprise(len(out), lon, lat))
        out.append(enterprise(len(out), lon, lat))
    return out


def nearest(lon: float, lat: float, first: int) -> Query:
    metres = Calc(Op.DISTANCE, (Prop("location"), Const(lon), Const(lat)))
    shown = Rows(Obj((Field("name", Leaf(Prop("name"))), Field("metres", Leaf(metres)))))
    select = Select(Extent("Enterprise"), shown, None, (Order(metres),), Page(first))
    return Query((Root("it", select),), NOW)


@pytest.mark.parametrize("seed", range(3))
async def test_the_nearest_are_those_of_the_reference(seed: int, tmp_path: Path) -> None:
    store, memory = SqliteStore(f"sqlite:///{tmp_path}/a.db"), MemoryStore(PARK)
    await store.migrate(PARK)
    puts = scattered(random.Random(seed))
    for one in (store, memory):
        await one.commit(ChangeSet(tuple(puts), sources=(Source("a"),)), now=NOW - 1)
    for lon, lat in (*PLACES, (0.0, 0.0), (-60.0, 45.0)):
        for first in (1, 7, 40, 300):
            query = nearest(lon, lat, first)
            assert await store.execute(query, EVERYTHING) == await memory.execute(query, EVERYTHING)
    await store.close()
