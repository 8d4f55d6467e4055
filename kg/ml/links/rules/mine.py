"""An AnyBURL-style miner: rules are read off random walks in the training facts, then counted.

Source: Meilicke, Chekol, Ruffinelli, Stuckenschmidt, *Anytime Bottom-Up Rule Learning for Knowledge Graph Completion*,
IJCAI 2019. Two shapes, with bodies of one to three atoms:

- cyclic: r(X, Y) <= b1(X, A), b2(A, B), b3(B, Y)
- acyclic: r(X, c) <= b1(X, A), ..., ending in a constant d or in anything

On a temporal graph every atom of the body must lie within ``within`` bins of the head's moment. Bodies are then counted
at moments of their first atom, those that end in a constant at moments of their last.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kg.ml.links.facts import HEAD, MOMENT, RELATION, TAIL, Ints, LinkGraph
from kg.ml.links.rules.walk import FactIndex


@dataclass(frozen=True, slots=True)
class Rule:
    """``head`` and ``body`` are relations (from n_relations on: inverse). ``tail``: the constant of an acyclic head
    (None: cyclic); ``end``: the constant its body ends in (None: anything). ``confidence`` = support / (covered +
    damping).
    """

    head: int
    body: tuple[int, ...]
    tail: int | None
    end: int | None
    support: int
    covered: int
    confidence: float

    @property
    def is_cyclic(self) -> bool:
        return self.tail is None


@dataclass(frozen=True, slots=True)
class Mining:
    """``walks`` random walks are read; a body seen at least ``seen`` times is counted on at most ``starts`` starting
    entities drawn by seed (counts are then of that sample); rules need ``support`` and ``confidence``, and at most
    ``keep`` a head relation stay, best first. ``length`` of a body; ``within`` bins (temporal graphs only).
    """

    walks: int = 200_000
    length: int = 3
    seen: int = 3
    bodies: int = 6_000
    starts: int = 200
    support: int = 2
    confidence: float = 0.05
    damping: float = 5.0
    keep: int = 300
    within: int = 7
    seed: int = 0


def mine(graph: LinkGraph, settings: Mining, index: FactIndex | None = None) -> list[Rule]:
    """Rules of all relations, both directions, best first within a head relation."""
    index = index or FactIndex(graph)
    rng = np.random.default_rng(settings.seed)
    rules = _cyclic(index, settings, graph.is_temporal, rng)
    rules += _acyclic(index, settings, graph.is_temporal, rng)
    by_head: dict[int, list[Rule]] = {}
    for rule in sorted(rules, key=lambda r: (r.head, -r.confidence, len(r.body), r.body, r.tail or -1, r.end or -1)):
        group = by_head.setdefault(rule.head, [])
        if len(group) < settings.keep:
            group.append(rule)
    return [rule for group in by_head.values() for rule in group]


def _cyclic(index: FactIndex, settings: Mining, temporal: bool, rng: np.random.Generator) -> list[Rule]:
    seen: Counter[tuple[tuple[int, ...], int]] = Counter()
    for length in range(1, settings.length + 1):
        seen.update(_cyclic_walks(index, settings.walks // settings.length, length, temporal, settings.within, rng))
    heads: dict[tuple[int, ...], set[int]] = {}
    for (body, head), count in seen.most_common():
        if count >= settings.seen and (len(heads) < settings.bodies or body in heads):
            heads.setdefault(body, set()).add(head)
    rules = []
    for body, of_body in heads.items():
        starts, moments = _starting(index, body[0], settings.starts, temporal, rng)
        rows, ends = index.walk(starts, body, moments, settings.within)
        at = None if moments is None else moments[rows]
        for head in sorted(of_body):
            support = int(np.count_nonzero(index.holds(starts[rows], head, ends, at, settings.within)))
            rule = _rule(head, body, None, None, support, len(rows), settings)
            if rule is not None:
                rules.append(rule)
    return rules


def _starting(
    index: FactIndex, relation: int, most: int, temporal: bool, rng: np.random.Generator
) -> tuple[Ints, Ints | None]:
    if temporal:
        facts = index.rows[index.rows[:, RELATION] == relation]
        at = np.unique(facts[:, [HEAD, MOMENT]], axis=0)
        chosen = at[np.sort(rng.permutation(len(at))[:most])]
        return chosen[:, 0], chosen[:, 1]
    heads = index.heads_of(relation)
    return heads[np.sort(rng.permutation(len(heads))[:most])], None


def _cyclic_walks(
    index: FactIndex, n: int, length: int, temporal: bool, within: int, rng: np.random.Generator
) -> Counter[tuple[tuple[int, ...], int]]:
    facts = index.random_facts(n, rng)
    here = facts[:, HEAD]
    keep = np.ones(n, dtype=bool)
    taken = []
    for _ in range(length - 1):
        step = index.random_step(here, rng)
        keep &= (step[:, TAIL] != facts[:, HEAD]) & (step[:, TAIL] != facts[:, TAIL])
        keep &= _near(step, facts, within) if temporal else True
        taken.append(step[:, RELATION])
        here = step[:, TAIL]
    found, last = index.random_between(here, facts[:, TAIL], rng)
    keep &= found & (_near(last, facts, within) if temporal else True)
    if length == 1:
        keep &= last[:, RELATION] != facts[:, RELATION]
    table = np.column_stack([*taken, last[:, RELATION], facts[:, RELATION]])[keep]
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return Counter({(tuple(row[:-1]), row[-1]): int(c) for row, c in zip(rows.tolist(), counts, strict=True)})


def _near(step: Ints, facts: Ints, within: int) -> NDArray[np.bool_]:
    return np.asarray(np.abs(step[:, MOMENT] - facts[:, MOMENT]) <= within)


def _acyclic(index: FactIndex, settings: Mining, temporal: bool, rng: np.random.Generator) -> list[Rule]:
    """r(X, c) <= body(X, d) and r(X, c) <= body(X, anything): which X are covered, and of which does r(X, c) hold."""
    seen: Counter[tuple[tuple[int, ...], int, int, int]] = Counter()
    for length in range(1, settings.length + 1):
        n = settings.walks // (4 * settings.length)
        facts = index.random_facts(n, rng)
        here, taken = facts[:, HEAD], []
        keep = np.ones(n, dtype=bool)
        for _ in range(length):
            step = index.random_step(here, rng)
            keep &= (step[:, TAIL] != facts[:, HEAD]) & (step[:, TAIL] != facts[:, TAIL])
            keep &= _near(step, facts, settings.within) if temporal else True
            taken.append(step[:, RELATION])
            here = step[:, TAIL]
        for last in (here, np.full(n, -1)):
            table = np.column_stack([*taken, last, facts[:, RELATION], facts[:, TAIL]])[keep]
            rows, counts = np.unique(table, axis=0, return_counts=True)
            for row, count in zip(rows.tolist(), counts, strict=True):
                seen[(tuple(row[:-3]), row[-3], row[-2], row[-1])] += int(count)
    covers: dict[tuple[tuple[int, ...], int], set[tuple[int, int]]] = {}
    for (body, end, head, tail), count in seen.most_common():
        if count >= settings.seen and (len(covers) < settings.bodies or (body, end) in covers):
            covers.setdefault((body, end), set()).add((head, tail))
    rules = []
    for (body, end), conclusions in covers.items():
        if temporal:
            starts, moments = _covered_at(index, body, end, settings, rng)
        else:
            starts, moments = covered(index, body, end), None
        for head, tail in sorted(conclusions):
            use = np.flatnonzero(starts != tail)
            at = None if moments is None else moments[use]
            held = index.holds(starts[use], head, np.full(len(use), tail), at, settings.within)
            support = int(np.count_nonzero(held))
            rule = _rule(head, body, tail, None if end < 0 else end, support, len(use), settings)
            if rule is not None:
                rules.append(rule)
    return rules


def _covered_at(
    index: FactIndex, body: tuple[int, ...], end: int, settings: Mining, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Distinct (entity, moment) near which a walk along ``body`` ends in ``end`` (negative: anywhere), from at most
    ``starts`` drawn places of the atom that they are counted at."""
    way = body if end < 0 else tuple(index.inverse(relation) for relation in reversed(body))
    facts = index.rows[index.rows[:, RELATION] == way[0]]
    at = np.unique((facts if end < 0 else facts[facts[:, HEAD] == end])[:, [HEAD, MOMENT]], axis=0)
    at = at[np.sort(rng.permutation(len(at))[: settings.starts])]
    rows, ends = index.walk(at[:, 0], way, at[:, 1], settings.within)
    pairs = np.unique(at[rows] if end < 0 else np.column_stack([ends, at[rows, 1]]), axis=0)
    return pairs[:, 0], pairs[:, 1]


def covered(index: FactIndex, body: tuple[int, ...], end: int) -> Ints:
    """The entities from which a walk along ``body`` ends in ``end`` (negative: anywhere), sorted."""
    if end < 0:
        starts = index.heads_of(body[0])
        return starts if len(body) == 1 else starts[np.unique(index.walk(starts, body)[0])]
    back = tuple(index.inverse(relation) for relation in reversed(body))
    return index.walk(np.array([end]), back)[1]


def _rule(
    head: int, body: tuple[int, ...], tail: int | None, end: int | None, support: int, count: int, settings: Mining
) -> Rule | None:
    confidence = support / (count + settings.damping)
    if support < settings.support or confidence < settings.confidence:
        return None
    return Rule(head, body, tail, end, support, count, confidence)
