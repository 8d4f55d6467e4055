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
    pairs, _ = _drawn(model, graph, held_out, known, seed)
    return np.concatenate([pairs[:, 0], pairs[:, 1]]), np.repeat([True, False], len(pairs))


def one_to_one_to_fit(
    model: LinkModel,
    graph: LinkGraph,
    held_out: Facts,
    *,
    earlier: tuple[Facts, ...],
    still_unknown: int,
    seed: int = 0,
) -> tuple[Reals, NDArray[np.bool_]]:
    """Like :func:`one_to_one`, to fit a calibrator while ``still_unknown`` further facts are true that nobody has told.

    Drawn as false, some of those spoil the negatives. They and the facts of ``held_out`` are exchangeable: about as
    many of them are drawn, at like scores, as of ``held_out`` where those may be drawn too. So for each draw that
    ``held_out`` shows to be true, the pair whose neighbour scores nearest to it is taken out as well.
    """
    pairs, told = _drawn(model, graph, held_out, KnownTails(graph, earlier), seed, KnownTails(graph, (held_out,)))
    pairs, spoiled = pairs[~told], pairs[told, 1]
    share = still_unknown / max(len(held_out), 1)
    rng = np.random.default_rng([seed, 1])
    for score in np.repeat(spoiled, int(share) + (rng.random(len(spoiled)) < share % 1.0)):
        if len(pairs) > 1:
            pairs = np.delete(pairs, int(np.argmin(np.abs(pairs[:, 1] - score))), axis=0)
    return np.concatenate([pairs[:, 0], pairs[:, 1]]), np.repeat([True, False], len(pairs))


def _drawn(
    model: LinkModel,
    graph: LinkGraph,
    held_out: Facts,
    known: KnownTails,
    seed: int,
    told: KnownTails | None = None,
    chunk: int = 256,
) -> tuple[Reals, NDArray[np.bool_]]:
    """(pairs, true): the scores of each fact and of its drawn neighbour, (n, 2); and whether ``told`` has it as
    true."""
    rng = np.random.default_rng(seed)
    of_relation = {
        relation: np.unique(graph.train.rows[graph.train.rows[:, RELATION] == relation, TAIL])
        for relation in np.unique(held_out.rows[:, RELATION]).tolist()
    }
    pairs, true = [], []
    for start in range(0, len(held_out), chunk):
        rows = held_out.rows[start : start + chunk]
        queries = Queries(rows[:, HEAD], rows[:, RELATION], rows[:, MOMENT])
        values = normalised_scores(model, queries)
        owner, tails = known.of(queries)
        told_owner, told_tails = told.of(queries) if told is not None else (owner[:0], tails[:0])
        for i, row in enumerate(rows):
            options = np.setdiff1d(of_relation[int(row[RELATION])], np.append(tails[owner == i], row[TAIL]))
            if not len(options):
                continue
            other = int(rng.choice(options))
            pairs.append((values[i, row[TAIL]], values[i, other]))
            true.append(other in told_tails[told_owner == i])
    return np.array(pairs).reshape(-1, 2), np.array(true, dtype=bool)
