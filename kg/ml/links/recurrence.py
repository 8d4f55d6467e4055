"""What happened between the same two, near in time: counts of other facts, decayed by their distance from the moment.

Interpolation asks for a fact among facts of before and after, so both sides count. Only training facts are counted.
"""

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
        size = len(queries) * self._n
        out = np.zeros((len(self.names), len(queries), self._n), dtype=np.float32)
        owner, facts = self._of(queries.heads, self._starts, self._rows)
        cell = owner * self._n + facts[:, TAIL]
        apart = np.abs(facts[:, MOMENT] - queries.moments[owner]).astype(np.float32)
        same = facts[:, RELATION] == queries.relations[owner]
        # An unasked fact of the same relation and moment would be the answer itself; it is in train, so it is known.
        decays = [np.exp(-apart / np.float32(width)) for width in WIDTHS]
        k = 0
        for decay in decays:
            out[k] = self._count(cell[same], decay[same], size)
            k += 1
        for decay in decays:
            out[k] = self._count(cell, decay, size)
            k += 1
        weight = self.implies[facts[:, RELATION], queries.relations[owner]]
        for decay in ((apart == 0).astype(np.float32), decays[1], decays[3]):
            out[k] = self._count(cell, weight * decay, size)
            k += 1
        owner, facts = self._of(queries.relations, self._relation_starts, self._by_relation)
        apart = np.abs(facts[:, MOMENT] - queries.moments[owner]).astype(np.float32)
        cell = owner * self._n + facts[:, TAIL]
        out[k] = self._count(cell, np.exp(-apart / np.float32(7.0)), size)
        out[k + 1] = self._count(cell, np.ones(len(cell), dtype=np.float32), size)
        out[k + 2] = self._active(queries.moments)
        return out

    def _active(self, moments: Ints) -> Floats:
        """How busy each entity was around the moment."""
        rows = self._rows
        busy = np.zeros((self._moments, self._n), dtype=np.float32)
        np.add.at(busy, (rows[:, MOMENT], rows[:, TAIL]), np.float32(1.0))
        days = np.arange(self._moments)
        near = np.exp(-np.abs(days[:, None] - days[None, :]) / 3.0).astype(np.float32)
        return np.asarray(np.log1p(near[moments] @ busy))

    def _count(self, cell: Ints, weight: Floats, size: int) -> Floats:
        total = np.bincount(cell, weights=weight, minlength=size)
        return np.log1p(total).astype(np.float32).reshape(-1, self._n)

    @staticmethod
    def _of(keys: Ints, starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
        counts = starts[keys + 1] - starts[keys]
        ends = np.cumsum(counts)
        within = np.arange(int(ends[-1])) - np.repeat(ends - counts, counts)
        return np.repeat(np.arange(len(keys)), counts), rows[np.repeat(starts[keys], counts) + within]


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
