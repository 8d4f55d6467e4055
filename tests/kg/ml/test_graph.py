"""From Arrow batches to a graph: what was known and held, dealt out by fact; moments of the valid clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from kg.ml.errors import UnusableData
from kg.ml.graph import FactCollector, Shares, moments_before

SPLIT = datetime(2026, 3, 15, 9, tzinfo=UTC)
DAY = timedelta(days=1)
CLOCKS = ("validFrom", "validTo", "systemFrom", "systemTo")


Row = tuple[str, str, datetime | None, datetime | None, datetime, datetime | None]


def batch(rows: Sequence[Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    instants = [pa.array(list(column), pa.timestamp("us", tz="UTC")) for column in columns[2:]]
    return pa.RecordBatch.from_arrays(
        [pa.array(list(columns[0])), pa.array(list(columns[1])), *instants], names=["start", "end", *CLOCKS]
    )


def test_only_what_was_known_and_held_is_kept() -> None:
    long_ago = SPLIT - 100 * DAY
    rows = [
        ("a", "b", None, None, SPLIT, None),
        ("a", "c", long_ago, SPLIT, long_ago, None),  # ended at the instant itself
        ("a", "d", SPLIT + DAY, None, long_ago, None),  # announced
        ("a", "e", long_ago, None, SPLIT + timedelta(microseconds=1), None),  # recorded late
        ("a", "f", long_ago, None, long_ago, SPLIT),  # superseded
        ("b", "g", long_ago, SPLIT + DAY, long_ago, SPLIT + DAY),
    ]
    collector = FactCollector(SPLIT, ("owns", "suppliesTo"))
    collector.add(batch(rows), "suppliesTo", valid=SPLIT)
    collector.add(batch(rows[:1]), "suppliesTo", valid=SPLIT)
    graph = collector.graph(Shares(0, 0), schema_hash="s")
    assert graph.entities == ("a", "b", "g")
    assert graph.relations == ("suppliesTo",)
    assert graph.train.rows.tolist() == [[0, 0, 1, 0], [1, 0, 2, 0]]


def test_all_moments_of_a_fact_are_on_one_side() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"n{a}", f"m{b}", None, None, SPLIT - DAY, None) for a, b in rng.integers(0, 12, (90, 2)).tolist()]
    made = []
    for order in (rows, rows[::-1]):
        collector = FactCollector(SPLIT, ("r",), ("first", "second", "third"))
        for moment in range(3):
            collector.add(batch(order), "r", valid=SPLIT, moment=moment)
        made.append(collector.graph(Shares(0.2, 0.2, seed=1)))
    parts = [{tuple(row[:3]) for row in part.rows.tolist()} for part in (made[0].train, made[0].valid, made[0].test)]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    assert len(made[0].test) == 3 * len(parts[2]) > 0
    for name in ("train", "valid", "test"):
        assert getattr(made[0], name).rows.tolist() == getattr(made[1], name).rows.tolist()


def test_moments() -> None:
    assert [f"{m:%Y-%m-%d}" for m in moments_before(SPLIT, "quarter", 4)] == [
        "2025-07-01", "2025-10-01", "2026-01-01", "2026-03-15",
    ]  # fmt: skip
    assert [f"{m:%Y-%m}" for m in moments_before(SPLIT, "year", 3)] == ["2025-01", "2026-01", "2026-03"]
    new_year = datetime(2026, 1, 1, tzinfo=UTC)
    assert [f"{m:%Y-%m-%d}" for m in moments_before(new_year, "month", 3)] == ["2025-11-01", "2025-12-01", "2026-01-01"]
    for every, count in (("week", 3), ("year", 1)):
        with pytest.raises(UnusableData):
            moments_before(SPLIT, every, count)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2), (1.0, 0.0)])
def test_shares_leave_something(shares: tuple[float, float]) -> None:
    with pytest.raises(UnusableData, match="nothing to train on"):
        Shares(*shares)
    with pytest.raises(UnusableData, match="no time zone"):
        FactCollector(SPLIT.replace(tzinfo=None), ("r",))
