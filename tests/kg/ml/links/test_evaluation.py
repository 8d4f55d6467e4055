"""The vectorised evaluator against one written from the definition, fact by fact."""

import numpy as np
import pytest

from kg.ml.errors import UnusableData
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import Facts, LinkGraph, Queries
from tests.kg.ml.conftest import toy_graph


def brute_force(graph: LinkGraph, facts: Facts, table: np.ndarray) -> np.ndarray:
    """table[relation][head][tail][moment] of scores; the rank of each fact, tails then heads, by plain loops."""
    true = {tuple(row) for part in (graph.train, graph.valid, graph.test) for row in part.rows.tolist()}
    n, n_relations = len(graph.entities), len(graph.relations)
    out = []
    for side in (0, 1):
        for h, r, t, m in facts.rows.tolist():
            better = equal = 0
            for e in range(n):
                candidate = (h, r, e, m) if side == 0 else (e, r, t, m)
                if candidate == (h, r, t, m) or candidate in true:
                    continue
                s = table[r, h, e, m] if side == 0 else table[r + n_relations, t, e, m]
                own = table[r, h, t, m] if side == 0 else table[r + n_relations, t, h, m]
                better += int(s > own)
                equal += int(s == own)
            out.append(1 + better + equal / 2)
    return np.array(out).reshape(2, len(facts))


@pytest.mark.parametrize("moments", [1, 5])
@pytest.mark.parametrize("levels", [3, 1000])
def test_ranks_equal_brute_force_with_and_without_ties(moments: int, levels: int) -> None:
    graph = toy_graph(moments=moments)
    rng = np.random.default_rng(3)
    table = rng.integers(0, levels, size=(4, 20, 20, moments)).astype(np.float32)

    def score(queries: Queries) -> np.ndarray:
        return table[queries.relations, queries.heads, :, queries.moments]

    sample = Facts(graph.test.rows[:60])
    got = rank(score, graph, sample, chunk=7)
    np.testing.assert_array_equal(got.ranks, brute_force(graph, sample, table))


def test_a_constant_score_gets_the_mean_rank() -> None:
    graph = toy_graph()
    got = rank(lambda q: np.zeros((len(q), 20), dtype=np.float32), graph, graph.test)
    assert got.mrr < 0.25
    assert np.all(got.ranks > 1)


def test_mrr_by_relation_and_moment_average_to_the_whole() -> None:
    graph = toy_graph(moments=4)
    rng = np.random.default_rng(0)
    got = rank(lambda q: rng.random((len(q), 20)).astype(np.float32), graph, graph.test)
    for groups in (got.mrr_by_relation(), got.mrr_by_moment()):
        assert sum(n for _, n in groups.values()) == len(graph.test)
        assert sum(m * n for m, n in groups.values()) / len(graph.test) == pytest.approx(got.mrr)
    assert got.summary()["hits@10"] == got.hits(10)


def test_nothing_to_rank_is_an_error() -> None:
    with pytest.raises(UnusableData, match="no fact to rank"):
        rank(lambda q: np.zeros((len(q), 20), dtype=np.float32), toy_graph(), Facts.of([]))
