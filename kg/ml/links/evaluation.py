"""Filtered ranking of held-out facts, and what is computed from the ranks.

Each fact is asked from both sides. Other facts known to be true at the same moment (of train, valid and test) are taken
out of the ranking. Ties count half: the rank is 1 + number of better + half the number of equal candidates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnusableData
from kg.ml.links.facts import MOMENT, RELATION, Facts, Floats, Ints, LinkGraph, Queries, asked

Score = Callable[[Queries], Floats]


@dataclass(frozen=True, slots=True)
class Ranks:
    """``ranks`` is float64 of shape (2, n): row 0 asks for the tail, row 1 for the head of each of ``facts``."""

    facts: Facts
    ranks: NDArray[np.float64]

    @property
    def mrr(self) -> float:
        return float(np.mean(1.0 / self.ranks))

    def hits(self, k: int) -> float:
        return float(np.mean(self.ranks <= k))

    def summary(self) -> dict[str, float]:
        """MRR, mean rank, and Hits@1, 3, 10."""
        out = {"mrr": self.mrr, "mean_rank": float(self.ranks.mean())}
        return out | {f"hits@{k}": self.hits(k) for k in (1, 3, 10)}

    def mrr_by_relation(self) -> dict[int, tuple[float, int]]:
        """By relation: MRR over both sides, and the number of facts."""
        return self._mrr_by(self.facts.rows[:, RELATION])

    def mrr_by_moment(self) -> dict[int, tuple[float, int]]:
        return self._mrr_by(self.facts.rows[:, MOMENT])

    def _mrr_by(self, column: Ints) -> dict[int, tuple[float, int]]:
        reciprocal = (1.0 / self.ranks).mean(axis=0)
        groups, inverse = np.unique(column, return_inverse=True)
        count = np.bincount(inverse)
        total = np.bincount(inverse, weights=reciprocal)
        return {int(g): (float(s / c), int(c)) for g, s, c in zip(groups, total, count, strict=True)}


class KnownTails:
    """For each query the tails known to be true, in any of the given parts."""

    def __init__(self, graph: LinkGraph, parts: tuple[Facts, ...]) -> None:
        every = Facts(np.unique(np.concatenate([part.rows for part in parts]), axis=0))
        self._relations = 2 * len(graph.relations)
        self._moments = len(graph.moments)
        grouped = asked(every.both_ways(len(graph.relations)))
        keys = self._key(grouped.queries)
        self._tails, self._starts = grouped.tails, grouped.starts
        order = np.argsort(keys)
        self._keys, self._order = keys[order], order

    def _key(self, queries: Queries) -> Ints:
        return (queries.heads * self._relations + queries.relations) * self._moments + queries.moments

    def of(self, queries: Queries) -> tuple[Ints, Ints]:
        """Two columns (row in ``queries``, tail), in the order of the rows."""
        keys = self._key(queries)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        rows = np.flatnonzero(self._keys[at] == keys)
        groups = self._order[at[rows]]
        counts = self._starts[groups + 1] - self._starts[groups]
        ends = np.cumsum(counts)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
        return np.repeat(rows, counts), self._tails[np.repeat(self._starts[groups], counts) + within]


def rank(score: Score, graph: LinkGraph, facts: Facts, *, known: KnownTails | None = None, chunk: int = 512) -> Ranks:
    """Rank each fact from both sides with ``score`` (such as ``model.score_tails``).

    ``chunk`` distinct queries are scored at once: memory is about ``chunk`` x entities x 9 bytes.
    Raises UnusableData if there is nothing to rank.
    """
    if not len(facts):
        raise UnusableData("There is no fact to rank", remedy="Evaluate on a part that has facts.")
    if known is None:
        known = KnownTails(graph, (graph.train, graph.valid, graph.test))
    grouped = asked(facts.both_ways(len(graph.relations)))
    placed = np.empty(len(grouped.tails))
    for start in range(0, len(grouped.queries), chunk):
        stop = min(start + chunk, len(grouped.queries))
        span = slice(int(grouped.starts[start]), int(grouped.starts[stop]))
        queries = grouped.queries[start:stop]
        owners = np.repeat(np.arange(stop - start), np.diff(grouped.starts[start : stop + 1]))
        placed[span] = _ranks(score(queries), owners, grouped.tails[span], *known.of(queries))
    return Ranks(facts, placed[grouped.place].reshape(2, len(facts)))


def _ranks(scores: Floats, rows: Ints, tails: Ints, known_rows: Ints, known_tails: Ints) -> NDArray[np.float64]:
    """Rank of scores[rows, tails] in its row after the other known tails of the row are taken out."""
    own = scores[rows, tails]
    known_scores = scores[known_rows, known_tails]
    first = np.searchsorted(known_rows, rows, side="left")
    last = np.searchsorted(known_rows, rows, side="right")
    out = np.empty(len(rows))
    for i, (row, value) in enumerate(zip(rows, own, strict=True)):
        line = scores[row]
        mine = known_scores[first[i] : last[i]]
        target_is_known = bool(np.any(known_tails[first[i] : last[i]] == tails[i]))
        better = np.count_nonzero(line > value) - np.count_nonzero(mine > value)
        # The target itself equals its score: once in the line, and once among the known if it is one of them.
        equal = np.count_nonzero(line == value) - np.count_nonzero(mine == value) - (0 if target_is_known else 1)
        out[i] = 1.0 + better + 0.5 * equal
    return out
