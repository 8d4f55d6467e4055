"""No leakage: what was recorded or began after the split instant changes nothing, bit for bit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from kg.ml.errors import UnusableData
from kg.ml.known import StoredFact, graph_at, known_at
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training

SPLIT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def stored() -> list[StoredFact]:
    rng = np.random.default_rng(0)
    return [
        StoredFact(f"firm {a}", "suppliesTo", f"firm {b}", SPLIT - int(d) * DAY, None, SPLIT - int(d - 1) * DAY, None)
        for a, b, d in zip(rng.integers(0, 30, 200), rng.integers(0, 30, 200), rng.integers(2, 99, 200), strict=True)
    ]


LATER = {
    "a future fact": StoredFact("firm 1", "suppliesTo", "firm 2", SPLIT + DAY, None, SPLIT + DAY, None),
    "a past fact recorded late": StoredFact("firm 1", "owns", "firm 3", SPLIT - 50 * DAY, None, SPLIT + DAY, None),
    "one announced for later": StoredFact("firm 1", "owns", "firm 4", SPLIT + 9 * DAY, None, SPLIT - DAY, None),
    "one superseded before": StoredFact(
        "firm 1", "owns", "new firm", SPLIT - 9 * DAY, None, SPLIT - 8 * DAY, SPLIT - DAY
    ),
    "one recorded a microsecond late": StoredFact(
        "firm 1", "owns", "firm 5", SPLIT - DAY, None, SPLIT + timedelta(microseconds=1), None
    ),
}


def trained(facts: list[StoredFact]) -> tuple[object, ...]:
    graph = graph_at(facts, SPLIT)
    model = ComplExN3(Training(rank=4, epochs=3, batch=20))
    model.fit(graph)
    return graph.entities, graph.relations, *(value.tobytes() for value in model.params.values())


@pytest.mark.parametrize("late", LATER.values(), ids=LATER.keys())
def test_what_came_after_the_split_changes_nothing(late: StoredFact) -> None:
    facts = stored()
    assert trained([*facts, late]) == trained(facts) == trained([late, *reversed(facts)])


def test_what_came_before_changes_something() -> None:
    facts = stored()
    early = StoredFact("firm 1", "owns", "firm 3", SPLIT - 50 * DAY, None, SPLIT, None)
    assert trained([*facts, early]) != trained(facts)


def test_a_fact_that_was_corrected_after_the_split_stays_as_it_was_known() -> None:
    fact = StoredFact("a", "owns", "b", SPLIT - DAY, None, SPLIT - DAY, SPLIT + DAY)
    assert known_at([fact], SPLIT) == [fact]
    assert known_at([fact], SPLIT + DAY) == []


def test_a_naive_instant_and_an_empty_past_are_errors() -> None:
    with pytest.raises(UnusableData, match="no time zone"):
        known_at([], SPLIT.replace(tzinfo=None))
    with pytest.raises(UnusableData, match="no fact to train on"):
        graph_at(stored(), SPLIT - 500 * DAY)
