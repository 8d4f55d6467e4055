"""Seconds an epoch and seconds per 1,000 queries, as ratios to a plain loop over the formula, side by side."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training, batch_of
from kg.ml.links.facts import Queries, asked, read_triples
from kg.ml.threads import one_thread


def run(data: Path) -> dict[str, Any]:
    graph = read_triples(data / "kge" / "umls")
    model = ComplExN3(Training(rank=64, epochs=1, batch=100, check_every=0))
    with one_thread():
        begun = time.perf_counter()
        model.fit(graph)
        epoch = time.perf_counter() - begun
        rng = np.random.default_rng(0)
        rows = graph.train.both_ways(len(graph.relations)).rows[rng.integers(0, 2 * len(graph.train), 1000)]
        queries = Queries(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 3].copy())
        begun = time.perf_counter()
        fast = model.score_tails(queries)
        scoring = time.perf_counter() - begun
        begun = time.perf_counter()
        slow = _loop_scores(model, queries, 20)
        loop_scoring = (time.perf_counter() - begun) * 1000 / 20
        assert np.allclose(fast[:20], slow, atol=1e-3), "the loop computes the same formula"
        grouped = asked(graph.train.both_ways(len(graph.relations)))
        begun = time.perf_counter()
        _loop_step(model, grouped.queries[:40], grouped.tails[grouped.starts[:40]])
        loop_epoch = (time.perf_counter() - begun) * 2 * len(graph.train) / 40
        batch = batch_of(grouped, np.arange(100))
        model.loss_and_gradients(batch)
    return {
        "graph": "umls",
        "rank": 64,
        "epoch_seconds": epoch,
        "loop_epoch_seconds": loop_epoch,
        "epoch_ratio": loop_epoch / epoch,
        "score_1000_seconds": scoring,
        "loop_score_1000_seconds": loop_scoring,
        "score_ratio": loop_scoring / scoring,
        "note": "loop: Python over facts, numpy over the rank; extrapolated from 40 facts and 20 queries",
    }


def _loop_scores(model: ComplExN3, queries: Queries, n: int) -> np.ndarray:
    entity, relation = model.params["entity"], model.params["relation"]
    return np.array(
        [
            [float(np.sum(entity[h] * relation[r] * np.conj(other)).real) for other in entity]
            for h, r in zip(queries.heads[:n], queries.relations[:n], strict=True)
        ]
    )


def _loop_step(model: ComplExN3, queries: Queries, tails: np.ndarray) -> None:
    """Full softmax and its gradient, fact by fact and candidate by candidate, with Adagrad on the touched rows."""
    entity, relation = model.params["entity"].copy(), model.params["relation"].copy()
    squares = np.zeros(entity.shape)
    for h, r, t in zip(queries.heads, queries.relations, tails, strict=True):
        vector = entity[h] * relation[r]
        scores = np.array([float(np.sum(vector * np.conj(other)).real) for other in entity])
        chance = np.exp(scores - scores.max())
        chance /= chance.sum()
        chance[t] -= 1.0
        upstream = np.zeros_like(vector)
        for e, weight in enumerate(chance):
            upstream += weight * entity[e]
            slope = weight * vector
            squares[e] += np.abs(slope) ** 2
            entity[e] -= 0.1 * slope / (np.sqrt(squares[e]) + 1e-10)
        relation[r] -= 0.1 * upstream * np.conj(entity[h])
