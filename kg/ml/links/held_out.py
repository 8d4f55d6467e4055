"""Cases to calibrate on: scored candidates of held-out facts, with the truth."""

import numpy as np
from numpy.typing import NDArray

from kg.ml.links.evaluation import KnownTails
from kg.ml.links.facts import HEAD, MOMENT, RELATION, TAIL, Facts, LinkGraph, Queries, asked
from kg.ml.links.model import LinkModel

Reals = NDArray[np.float64]


def normalised_scores(model: LinkModel, queries: Queries) -> Reals:
    """Log-probabilities by query: score - log(sum of exp of the row's scores), float64 (n, entities)."""
    scores = model.score_tails(queries).astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


def all_candidates(
    model: LinkModel, graph: LinkGraph, held_out: Facts, *, earlier: tuple[Facts, ...], chunk: int = 256
) -> tuple[Reals, NDArray[np.bool_]]:
    """Every entity as the tail of every query of ``held_out`` (both sides): (scores, truth), flat.

    What ``earlier`` parts already say is left out; whatever ``held_out`` says is true.
    Memory: queries x entities x 9 bytes; give a sample of facts.
    """
    known = KnownTails(graph, earlier)
    grouped = asked(held_out.both_ways(len(graph.relations)))
    scores, truth = [], []
    for start in range(0, len(grouped.queries), chunk):
        stop = min(start + chunk, len(grouped.queries))
        queries = grouped.queries[start:stop]
        values = normalised_scores(model, queries)
        answers = np.zeros(values.shape, dtype=bool)
        owners = np.repeat(np.arange(stop - start), np.diff(grouped.starts[start : stop + 1]))
        answers[owners, grouped.tails[grouped.starts[start] : grouped.starts[stop]]] = True
        use = np.ones(values.shape, dtype=bool)
        use[known.of(queries)] = False
        use |= answers
        scores.append(values[use])
        truth.append(answers[use])
    return np.concatenate(scores), np.concatenate(truth)


def one_to_one(
    model: LinkModel, graph: LinkGraph, held_out: Facts, *, known: KnownTails, seed: int = 0
) -> tuple[Reals, NDArray[np.bool_]]:
    """Each fact of ``held_out`` and one false neighbour of it: the same head, relation and moment, and a tail that the
    relation has elsewhere in train (so it is of the right type) but that is not ``known`` to be true here.

    A fact whose relation has no such tail is left out together with its neighbour.
    """
    pairs = _drawn(model, graph, held_out, known, seed)
    return np.concatenate([pairs[:, 0], pairs[:, 1]]), np.repeat([True, False], len(pairs))


def one_to_one_to_fit(
    model: LinkModel,
    graph: LinkGraph,
    held_out: Facts,
    *,
    earlier: tuple[Facts, ...],
    still_unknown: int,
    bins: int = 5,
    chunk: int = 256,
) -> tuple[Reals, NDArray[np.bool_], Reals]:
    """Like :func:`one_to_one`, to fit a calibrator while ``still_unknown`` further facts are true that nobody has told:
    (scores, truth, weights).

    Instead of one draw a fact, all that could be drawn stand with the chance of being drawn. Some of them are true:
    those that ``held_out`` tells, and unknown ones, which are exchangeable with these. So in each of a few ranges of
    scores (quantiles of the true facts' scores, and of the others' below) the weight of what is left is what was there,
    less what ``held_out`` tells, less as much again for each fact still unknown.
    """
    facts, others, chances, told = _options(model, graph, held_out, earlier, chunk)
    ratio = still_unknown / max(len(held_out), 1)
    if not len(others) or told.all():
        return facts, np.ones(len(facts), dtype=bool), np.ones(len(facts))
    left, chances_left = others[~told], chances[~told]
    low = np.quantile(left, [0.3, 0.6, 0.8, 0.9])
    inner = np.quantile(facts, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    edges = np.unique(np.concatenate([low, inner]))
    n = len(edges) + 1
    place = np.searchsorted(edges, left, side="right")
    there = np.bincount(place, weights=chances_left, minlength=n)
    true = np.bincount(np.searchsorted(edges, others[told], side="right"), weights=chances[told], minlength=n)
    share = np.clip((there - ratio * true) / np.maximum(there, 1e-12), 0.0, 1.0)
    weights = chances_left * share[place]
    use = weights > 0
    weights = weights[use] * len(facts) / max(float(weights.sum()), 1e-12)
    return (
        np.concatenate([facts, left[use]]),
        np.repeat([True, False], [len(facts), int(use.sum())]),
        np.concatenate([np.ones(len(facts)), weights]),
    )


def _options(
    model: LinkModel, graph: LinkGraph, held_out: Facts, earlier: tuple[Facts, ...], chunk: int
) -> tuple[Reals, Reals, Reals, NDArray[np.bool_]]:
    """Scores of the facts that have a false neighbour to draw; and of all that could be drawn for them: scores, the
    chance of each to be drawn, and whether ``held_out`` tells that it is true."""
    known, told = KnownTails(graph, earlier), KnownTails(graph, (held_out,))
    of_relation = _tails(graph, held_out)
    facts, others, chances, true = [], [], [], []
    for start in range(0, len(held_out), chunk):
        rows = held_out.rows[start : start + chunk]
        queries = Queries(rows[:, HEAD], rows[:, RELATION], rows[:, MOMENT])
        values = normalised_scores(model, queries)
        owner, tails = known.of(queries)
        told_owner, told_tails = told.of(queries)
        for i, row in enumerate(rows):
            options = np.setdiff1d(of_relation[int(row[RELATION])], np.append(tails[owner == i], row[TAIL]))
            if len(options):
                facts.append(values[i, row[TAIL]])
                others.append(values[i, options])
                chances.append(np.full(len(options), 1.0 / len(options)))
                true.append(np.isin(options, told_tails[told_owner == i]))
    if not facts:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=bool)
    return np.array(facts), np.concatenate(others), np.concatenate(chances), np.concatenate(true)


def _tails(graph: LinkGraph, held_out: Facts) -> dict[int, NDArray[np.int64]]:
    """For each relation that is asked, the tails that it has in train."""
    return {
        relation: np.unique(graph.train.rows[graph.train.rows[:, RELATION] == relation, TAIL])
        for relation in np.unique(held_out.rows[:, RELATION]).tolist()
    }


def _drawn(
    model: LinkModel, graph: LinkGraph, held_out: Facts, known: KnownTails, seed: int, chunk: int = 256
) -> Reals:
    """The scores of each fact and of its drawn neighbour, (n, 2)."""
    rng = np.random.default_rng(seed)
    of_relation = _tails(graph, held_out)
    pairs = []
    for start in range(0, len(held_out), chunk):
        rows = held_out.rows[start : start + chunk]
        queries = Queries(rows[:, HEAD], rows[:, RELATION], rows[:, MOMENT])
        values = normalised_scores(model, queries)
        owner, tails = known.of(queries)
        for i, row in enumerate(rows):
            options = np.setdiff1d(of_relation[int(row[RELATION])], np.append(tails[owner == i], row[TAIL]))
            if len(options):
                pairs.append((values[i, row[TAIL]], values[i, int(rng.choice(options))]))
    return np.array(pairs).reshape(-1, 2)
