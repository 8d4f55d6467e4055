"""What happened between the same two, near in time: counts of other facts, decayed by their distance from the moment.

Interpolation asks for a fact among facts of before and after, so both sides count. Only training facts are counted.
"""

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kg.ml.links.facts import HEAD, MOMENT, RELATION, TAIL, Floats, Ints, LinkGraph, Queries

# Widths of the decay exp(-|days| / width), in bins of the valid clock.
WIDTHS: Final = (1.5, 7.0, 30.0, 365.0)


class Recurrence:
    """Channels of shape (n, entities): log(1 + decayed count) of training facts that speak for a tail."""

    def __init__(self, graph: LinkGraph) -> None:
        self._n = len(graph.entities)
        self._moments = len(graph.moments)
        rows = graph.train.both_ways(len(graph.relations)).rows
        rows = rows[np.argsort(rows[:, HEAD], kind="stable")]
        self._rows = rows
        self._starts = np.searchsorted(rows[:, HEAD], np.arange(self._n + 1))
        by_relation = rows[np.argsort(rows[:, RELATION], kind="stable")]
        self._by_relation = by_relation
        self._relation_starts = np.searchsorted(by_relation[:, RELATION], np.arange(2 * len(graph.relations) + 1))
        self.implies = implications(rows, 2 * len(graph.relations), self._n)

    @property
    def names(self) -> tuple[str, ...]:
        same = tuple(f"same relation before or after, {width:g}" for width in WIDTHS)
        other = tuple(f"any relation before or after, {width:g}" for width in WIDTHS)
        implied = ("relations that imply it, same moment", "relations that imply it, near", "relations that imply it")
        return (*same, *other, *implied, "tails of the relation, near", "tails of the relation", "tails at the moment")

    def channels(self, queries: Queries) -> NDArray[np.float32]:
        """float32 (channels, n, entities)."""
        out = np.zeros((len(self.names), len(queries), self._n), dtype=np.float32)
        cells, values = self._between(queries)
        out.reshape(len(out), -1)[: len(values), cells] = values
        for channel, (table, rows) in enumerate(self._of_relation_and_moment(queries), start=len(values)):
            out[channel] = table[rows]
        return out

    def add_to(self, scores: Floats, queries: Queries, weights: NDArray[np.float64]) -> None:
        """Add each channel times its weight to ``scores`` (n, entities) in place, without the channels in full: what
        happened between two entities is known of few pairs."""
        cells, values = self._between(queries)
        scores.reshape(-1)[cells] += (weights[: len(values)] @ values).astype(np.float32)
        for weight, (table, rows) in zip(weights[len(values) :], self._of_relation_and_moment(queries), strict=True):
            scores += (table * np.float32(weight))[rows]

    def _between(self, queries: Queries) -> tuple[Ints, Floats]:
        """The channels that count facts between head and tail: flat cells (row * entities + tail) where there is one,
        and float32 (channels, cells)."""
        owner, facts = self._of(queries.heads, self._starts, self._rows)
        cells, place = np.unique(owner * self._n + facts[:, TAIL], return_inverse=True)
        apart = np.abs(facts[:, MOMENT] - queries.moments[owner]).astype(np.float32)
        # An unasked fact of the same relation and moment would be the answer itself; it is in train, so it is known.
        same = (facts[:, RELATION] == queries.relations[owner]).astype(np.float32)
        decays = [np.exp(-apart / np.float32(width)) for width in WIDTHS]
        implied = self.implies[facts[:, RELATION], queries.relations[owner]]
        told = [same * decay for decay in decays] + decays
        told += [implied * decay for decay in ((apart == 0).astype(np.float32), decays[1], decays[3])]
        return cells, np.stack([_log_count(place, weight, len(cells)) for weight in told])

    def _of_relation_and_moment(self, queries: Queries) -> tuple[tuple[Floats, Ints], ...]:
        """The channels that do not ask who the head is, each as a table of distinct rows and the row of each query."""
        pairs, row_of_pair = np.unique(
            np.column_stack([queries.relations, queries.moments]), axis=0, return_inverse=True
        )
        owner, facts = self._of(pairs[:, 0], self._relation_starts, self._by_relation)
        apart = np.abs(facts[:, MOMENT] - pairs[owner, 1]).astype(np.float32)
        near = self._counts(owner, facts, np.exp(-apart / np.float32(7.0)), len(pairs))
        relations, row_of_relation = np.unique(queries.relations, return_inverse=True)
        owner, facts = self._of(relations, self._relation_starts, self._by_relation)
        ever = self._counts(owner, facts, np.ones(len(facts), dtype=np.float32), len(relations))
        return (near, row_of_pair.ravel()), (ever, row_of_relation), (self._busy, queries.moments)

    def _counts(self, owner: Ints, facts: Ints, weight: Floats, rows: int) -> Floats:
        return _log_count(owner * self._n + facts[:, TAIL], weight, rows * self._n).reshape(rows, self._n)

    @cached_property
    def _busy(self) -> Floats:
        """How busy each entity was around each moment, (moments, entities)."""
        rows = self._rows
        busy = np.zeros((self._moments, self._n), dtype=np.float32)
        np.add.at(busy, (rows[:, MOMENT], rows[:, TAIL]), np.float32(1.0))
        days = np.arange(self._moments)
        near = np.exp(-np.abs(days[:, None] - days[None, :]) / 3.0).astype(np.float32)
        return np.asarray(np.log1p(near @ busy))

    @staticmethod
    def _of(keys: Ints, starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
        counts = starts[keys + 1] - starts[keys]
        ends = np.cumsum(counts)
        within = np.arange(int(ends[-1])) - np.repeat(ends - counts, counts)
        return np.repeat(np.arange(len(keys)), counts), rows[np.repeat(starts[keys], counts) + within]


def _log_count(place: Ints, weight: Floats, size: int) -> Floats:
    """log(1 + sum of the weights at each place), float32 (size,)."""
    return np.log1p(np.bincount(place, weights=weight, minlength=size)).astype(np.float32)


def implications(rows: Ints, relations: int, entities: int, *, within: int = 7, damp: float = 5.0) -> Floats:
    """float32 (relations, relations): how often r'(x, y) at m comes with r(x, y) within some bins of m.

    support / (facts of r' + damp): the confidence of the time-aware rule r'(x, y, m') => r(x, y, m).
    """
    pair = rows[:, HEAD] * entities + rows[:, TAIL]
    order = np.lexsort((rows[:, MOMENT], pair))
    pair, relation, moment = pair[order], rows[order, RELATION], rows[order, MOMENT]
    support = np.zeros((relations, relations))
    for step in range(1, 200):
        same = (pair[step:] == pair[:-step]) & (moment[step:] - moment[:-step] <= within)
        if not np.any(same):
            break
        a, b = relation[:-step][same], relation[step:][same]
        np.add.at(support, (a, b), 1.0)
        np.add.at(support, (b, a), 1.0)
    total = np.bincount(relation, minlength=relations)[:, None]
    return np.asarray(np.minimum(support, total) / (total + damp), dtype=np.float32)
