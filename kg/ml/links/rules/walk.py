"""Facts indexed for walking: neighbours by relation, random walks, and what lies between two entities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kg.ml.links.facts import HEAD, MOMENT, RELATION, TAIL, Ints, LinkGraph


@dataclass(frozen=True, slots=True)
class Trails:
    """Walks under way: ``owner`` is the row of the start, ``visited`` int64 (n, steps + 1) the entities on the way."""

    owner: Ints
    visited: Ints

    @property
    def ends(self) -> Ints:
        return np.asarray(self.visited[:, -1])


class FactIndex:
    """Training facts both ways, in CSR form by (head, relation), by head, and by (head, tail)."""

    def __init__(self, graph: LinkGraph) -> None:
        self.entities = len(graph.entities)
        self.relations = 2 * len(graph.relations)
        self.forward = len(graph.relations)
        rows = graph.train.both_ways(self.forward).rows
        self.rows = np.ascontiguousarray(rows[np.lexsort((rows[:, RELATION], rows[:, HEAD]))])
        keys = self.rows[:, HEAD] * self.relations + self.rows[:, RELATION]
        self._starts = np.searchsorted(keys, np.arange(self.entities * self.relations + 1))
        self._heads = np.searchsorted(self.rows[:, HEAD], np.arange(self.entities + 1))
        pair = self.rows[:, HEAD] * self.entities + self.rows[:, TAIL]
        self._pair_order = np.argsort(pair, kind="stable")
        self._pair_keys = pair[self._pair_order]
        triple = (self.rows[:, HEAD] * self.relations + self.rows[:, RELATION]) * self.entities + self.rows[:, TAIL]
        order = np.lexsort((self.rows[:, MOMENT], triple))
        self._triple_keys, self._triple_moments = triple[order], self.rows[order, MOMENT]
        self._repeats = bool(np.any(self._triple_keys[1:] == self._triple_keys[:-1]))

    def inverse(self, relation: int) -> int:
        return relation - self.forward if relation >= self.forward else relation + self.forward

    def random_facts(self, n: int, rng: np.random.Generator) -> Ints:
        return np.asarray(self.rows[rng.integers(0, len(self.rows), n)])

    def random_step(self, entities: Ints, rng: np.random.Generator) -> Ints:
        """For each entity a random fact that starts there; every entity of a fact has one, since facts go both ways."""
        first, last = self._heads[entities], self._heads[entities + 1]
        return np.asarray(self.rows[first + (rng.random(len(entities)) * (last - first)).astype(np.int64)])

    def random_between(self, heads: Ints, tails: Ints, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Ints]:
        """(found, fact): a random fact from each head to each tail, where there is one."""
        keys = heads * self.entities + tails
        first = np.searchsorted(self._pair_keys, keys, side="left")
        last = np.searchsorted(self._pair_keys, keys, side="right")
        at = np.minimum(first + (rng.random(len(keys)) * (last - first)).astype(np.int64), len(self._pair_keys) - 1)
        return last > first, np.asarray(self.rows[self._pair_order[at]])

    def heads_of(self, relation: int) -> Ints:
        """The distinct entities that a relation starts from."""
        return np.unique(self.rows[self.rows[:, RELATION] == relation, HEAD])

    def follow(self, trails: Trails, relation: int, moments: Ints | None, within: int) -> Trails:
        """One step on: the tails that ``relation`` leads to from the ends, at most ``within`` bins from each owner's
        moment (None: at any moment), but not back to an entity already visited."""
        keys = trails.ends * self.relations + relation
        counts = self._starts[keys + 1] - self._starts[keys]
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        fact = np.repeat(self._starts[keys], counts) + np.arange(total) - np.repeat(ends - counts, counts)
        parent = np.repeat(np.arange(len(keys)), counts)
        tails = self.rows[fact, TAIL]
        keep = ~np.any(trails.visited[parent] == tails[:, None], axis=1)
        if moments is not None:
            keep &= np.abs(self.rows[fact, MOMENT] - moments[trails.owner[parent]]) <= within
        parent, tails = parent[keep], tails[keep]
        if self._repeats:
            # One step for all moments at which a fact holds: else trails grow by the moments at every step.
            step = np.unique(parent * self.entities + tails)
            parent, tails = step // self.entities, step % self.entities
        return Trails(trails.owner[parent], np.column_stack([trails.visited[parent], tails]))

    def walk(
        self, starts: Ints, body: tuple[int, ...], moments: Ints | None = None, within: int = 0
    ) -> tuple[Ints, Ints]:
        """Distinct (row of the start, end) of all walks along ``body``."""
        trails = Trails(np.arange(len(starts)), starts[:, None])
        for relation in body:
            trails = self.follow(trails, relation, moments, within)
        keys = np.unique(trails.owner * self.entities + trails.ends)
        return keys // self.entities, keys % self.entities

    def holds(
        self, heads: Ints, relation: int, tails: Ints, moments: Ints | None = None, within: int = 0
    ) -> NDArray[np.bool_]:
        """Whether (head, relation, tail) is a training fact, within some bins of the moment if moments are given."""
        keys = (heads * self.relations + relation) * self.entities + tails
        first = np.searchsorted(self._triple_keys, keys, side="left")
        last = np.searchsorted(self._triple_keys, keys, side="right")
        if moments is None:
            return last > first
        # Moments are sorted within a key, so the nearest not before moment - within decides.
        out = np.zeros(len(keys), dtype=bool)
        for i in np.flatnonzero(last > first):
            mine = self._triple_moments[first[i] : last[i]]
            at = np.searchsorted(mine, moments[i] - within)
            out[i] = at < len(mine) and mine[at] <= moments[i] + within
        return out
