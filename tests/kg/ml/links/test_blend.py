"""Blends: weights that maximise the likelihood, parts that sum, evidence that comes from train alone."""

from dataclasses import replace

import numpy as np
import pytest

from kg.ml.calibration import calibrate, reliability
from kg.ml.errors import UnusableData
from kg.ml.links.blend import Blend, BlendSettings
from kg.ml.links.embedding import Training
from kg.ml.links.evaluation import KnownTails, rank
from kg.ml.links.facts import Facts, Queries
from kg.ml.links.held_out import all_candidates, one_to_one, one_to_one_to_fit
from kg.ml.links.logit import Choices, fit_logit, log_likelihood
from kg.ml.links.recurrence import Recurrence
from kg.ml.links.rules.mine import Mining
from tests.kg.ml.conftest import toy_graph

SMALL = BlendSettings(Training(rank=8, epochs=6, batch=50), mining=Mining(walks=5000))


def test_logit_gradient_and_hessian_agree_with_finite_differences_and_the_fit_is_a_minimum() -> None:
    rng = np.random.default_rng(0)
    choices = Choices(rng.normal(size=(300, 6, 3)).astype(np.float32), rng.random((300, 6)) < 0.8)
    choices.offered[:, 0] = True
    weights, step = np.array([0.3, -0.2, 0.5]), 1e-5
    _, slope, curve = log_likelihood(weights, choices, 0.01)
    for k in range(3):
        shift = step * np.eye(3)[k]
        up, down = (log_likelihood(weights + s * shift, choices, 0.01) for s in (1, -1))
        assert slope[k] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-6)
        np.testing.assert_allclose(curve[k], (up[1] - down[1]) / (2 * step), atol=1e-5)
    fitted = fit_logit(choices, 0.0)
    np.testing.assert_allclose(log_likelihood(fitted, choices, 0.0)[1], 0.0, atol=1e-3)


def test_logit_refuses_what_it_cannot_learn_from() -> None:
    with pytest.raises(UnusableData, match="no choice"):
        fit_logit(Choices(np.empty((0, 2, 1), dtype=np.float32), np.empty((0, 2), dtype=bool)), 0.1)
    with pytest.raises(UnusableData, match="not a finite number"):
        fit_logit(Choices(np.full((1, 2, 1), np.nan, dtype=np.float32), np.ones((1, 2), dtype=bool)), 0.1)


@pytest.mark.parametrize("moments", [1, 9])
def test_the_named_parts_sum_to_the_score_and_the_blend_beats_its_embedding(moments: int) -> None:
    graph = toy_graph(moments=moments)
    model = Blend(SMALL)
    model.fit(graph)
    query = Queries(*(graph.test.rows[:1, k].copy() for k in (0, 1, 3)))
    parts = model.explain(query, 7)
    assert set(parts) == set(model.channel_names)
    assert sum(parts.values()) == pytest.approx(float(model.score_tails(query)[0, 7]), abs=1e-4)
    assert model.embedding is not None
    alone = rank(model.embedding.score_tails, graph, graph.test).mrr
    assert rank(model.score_tails, graph, graph.test).mrr >= alone


def test_on_a_temporal_graph_rules_explain_but_do_not_score() -> None:
    graph = toy_graph(moments=9)
    model, without = Blend(SMALL), Blend(replace(SMALL, mining=Mining(walks=0)))
    for one in (model, without):
        one.fit(graph)
    queries = Queries(np.arange(20), np.arange(20) % 4, np.arange(20) % 9)
    np.testing.assert_array_equal(model.score_tails(queries), without.score_tails(queries))
    fact = next(row for row in graph.test.rows.tolist() if row[1] == 0)
    query = Queries(*(np.array([fact[k]]) for k in (0, 1, 3)))
    assert model.rules is not None
    fired = model.rules.explain(query, fact[2])
    assert fired
    assert all(f.path[0] == graph.entities[fact[0]] for f in fired)
    assert without.rules is not None
    assert not without.rules.explain(query, fact[2])


def test_the_sparse_score_is_the_sum_of_the_channels() -> None:
    graph = toy_graph(moments=9)
    model = Blend(SMALL)
    model.fit(graph)
    queries = Queries(np.arange(20), np.arange(20) % 4, np.arange(20) % 9)
    by_channel = np.einsum("c,cne->ne", model.weights, model.channels(queries))
    np.testing.assert_allclose(model.score_tails(queries), by_channel, atol=1e-4)


def test_recurrence_counts_by_hand() -> None:
    graph = toy_graph(moments=9)
    names = Recurrence(graph).names
    query = Queries(np.array([5]), np.array([0]), np.array([4]))
    values = dict(zip(names, Recurrence(graph).channels(query)[:, 0], strict=True))
    for tail in range(20):
        rows = graph.train.both_ways(2).rows
        mine = rows[(rows[:, 0] == 5) & (rows[:, 2] == tail)]
        same = mine[mine[:, 1] == 0]
        for group, label in ((same, "same relation"), (mine, "any relation")):
            want = np.log1p(np.exp(-np.abs(group[:, 3] - 4) / 7.0).sum())
            assert values[f"{label} before or after, 7"][tail] == pytest.approx(want, rel=1e-5)
        everyone = rows[(rows[:, 1] == 0) & (rows[:, 2] == tail)]
        assert values["tails of the relation"][tail] == pytest.approx(np.log1p(len(everyone)), rel=1e-5)


def test_test_facts_change_neither_weights_nor_scores() -> None:
    graph = toy_graph(moments=9)
    other = replace(graph, test=Facts(graph.test.rows[:1]))
    scores = []
    for given in (graph, other):
        model = Blend(SMALL)
        model.fit(given)
        scores.append(model.score_tails(Queries(np.arange(20), np.arange(20) % 4, np.arange(20) % 9)))
    np.testing.assert_array_equal(scores[0], scores[1])


def test_a_blend_without_valid_says_so() -> None:
    with pytest.raises(UnusableData, match="held out from training"):
        Blend(SMALL).fit(replace(toy_graph(), valid=Facts.of([])))


def test_held_out_cases_are_balanced_typed_and_calibratable() -> None:
    graph = toy_graph(moments=3)
    model = Blend(SMALL)
    model.fit(graph)
    known = KnownTails(graph, (graph.train, graph.valid, graph.test))
    scores, truth = one_to_one(model, graph, graph.test, known=known)
    assert truth.mean() == 0.5
    assert scores[truth].mean() > scores[~truth].mean()
    fit, label, weight = one_to_one_to_fit(
        model, graph, graph.valid, earlier=(graph.train,), still_unknown=len(graph.test)
    )
    assert weight.min() > 0
    assert weight[label].sum() == pytest.approx(weight[~label].sum())
    # Teams are complete: what scores as facts do is true, told or not, and must not count as false.
    as_facts = fit >= np.quantile(fit[label], 0.25)
    ignoring = one_to_one_to_fit(model, graph, graph.valid, earlier=(graph.train,), still_unknown=0)
    assert weight[as_facts & ~label].sum() < ignoring[2][(ignoring[0] >= fit[as_facts].min()) & ~ignoring[1]].sum()
    assert weight[as_facts & ~label].sum() < 0.05 * weight[label].sum()
    every, is_true = all_candidates(model, graph, graph.test, earlier=(graph.train, graph.valid))
    assert is_true.sum() == 2 * len(graph.test)
    assert reliability(calibrate(every, is_true)(every), is_true).ece < 0.02
