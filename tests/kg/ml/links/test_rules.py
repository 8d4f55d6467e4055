"""Rules: what is mined from a family, its counts by brute force, and what a rule says about an answer."""

from itertools import pairwise, product

import numpy as np
import pytest

from kg.ml.links.facts import Facts, LinkGraph, Queries
from kg.ml.links.rules.mine import Mining, mine
from kg.ml.links.rules.model import Rules, rule_text
from kg.ml.links.rules.walk import FactIndex

PARENT, GRAND, LIVES, SPEAKS = range(4)


def family(*, moments: int = 1) -> LinkGraph:
    """40 people in chains of parents; grandparents follow from parents; who lives in town 40 speaks language 42."""
    rng = np.random.default_rng(0)
    facts = []
    for chain in range(8):
        people = range(chain * 5, chain * 5 + 5)
        facts += [(a, PARENT, b) for a, b in pairwise(people)]
        facts += [(a, GRAND, b) for a, b in zip(people, people[2:], strict=False)]
        for person in people:
            town = 40 + int(rng.integers(2))
            facts += [(person, LIVES, town), (person, SPEAKS, 42 + (town - 40))]
    rows = Facts.of([(*fact, 2 * (fact[0] % 3) if moments > 1 else 0) for fact in facts])
    names = (*(f"p{i}" for i in range(40)), "town A", "town B", "language A", "language B")
    held = np.zeros(len(rows), dtype=bool)
    held[::9] = True
    days = tuple(f"day {m}" for m in range(moments))
    return LinkGraph(
        names,
        ("parent", "grand", "lives", "speaks"),
        Facts(rows.rows[~held]),
        Facts.of([]),
        Facts(rows.rows[held]),
        days,
    )


def test_the_rules_of_the_family_are_found() -> None:
    graph = family()
    texts = {rule_text(rule, graph): rule for rule in mine(graph, Mining(walks=20_000))}
    grand = texts["grand(X, Y) <= parent(X, A), parent(A, Y)"]
    assert grand.confidence > 0.6
    assert "speaks(X, language A) <= lives(X, town A)" in texts
    assert "speaks(X, language B) <= lives(X, town A)" not in texts


def test_support_and_coverage_agree_with_brute_force() -> None:
    graph = family()
    n = len(graph.relations)
    facts = {tuple(row[:3]) for row in graph.train.both_ways(n).rows.tolist()}
    entities = range(len(graph.entities))
    checked = 0
    for rule in mine(graph, Mining(walks=20_000, length=2, starts=1000)):
        pairs: set[tuple[int, int]] = set()
        for x in entities:
            ends: set[tuple[int, ...]] = {(x,)}
            for relation in rule.body:
                ends = {
                    (*way, y) for way, y in product(ends, entities) if (way[-1], relation, y) in facts and y not in way
                }
            if rule.is_cyclic:
                pairs |= {(x, way[-1]) for way in ends}
            elif rule.tail not in (None, x) and any(rule.end in (None, way[-1]) for way in ends):
                pairs.add((x, int(rule.tail or 0)))
        assert rule.covered == len(pairs), rule_text(rule, graph)
        assert rule.support == sum((x, rule.head, y) in facts for x, y in pairs), rule_text(rule, graph)
        assert rule.confidence == pytest.approx(rule.support / (rule.covered + 5))
        checked += 1
        if checked == 40:
            break
    assert checked == 40


def test_a_rule_explains_with_a_path_of_facts() -> None:
    graph = family()
    model = Rules(Mining(walks=20_000))
    model.fit(graph)
    held = next(row for row in graph.test.rows.tolist() if row[1] == GRAND)
    fired = model.explain(graph.query(graph.entities[held[0]], "grand"), held[2], first=50)
    ways = {f.text: f.path for f in fired}
    assert ways["grand(X, Y) <= parent(X, A), parent(A, Y)"] == tuple(f"p{held[0] + i}" for i in range(3))
    assert [f.rule.confidence for f in fired] == sorted((f.rule.confidence for f in fired), reverse=True)


def test_on_a_temporal_graph_a_body_must_lie_near_the_moment() -> None:
    graph = family(moments=5)
    index = FactIndex(graph)
    fact = next(row for row in graph.train.rows.tolist() if row[1] == PARENT and row[3] == 0)
    start, child, parent = np.array([fact[0]]), fact[2], (PARENT,)
    assert index.walk(start, parent, np.array([0]), 0)[1].tolist() == [child]
    assert index.walk(start, parent, np.array([2]), 1)[1].tolist() == []
    assert index.walk(start, parent, np.array([2]), 2)[1].tolist() == [child]
    assert index.holds(start, PARENT, np.array([child]), np.array([1]), 1).tolist() == [True]
    assert index.holds(start, PARENT, np.array([child]), np.array([3]), 1).tolist() == [False]
    near = mine(graph, Mining(walks=20_000, within=0))
    assert "speaks(X, Y) <= lives(X, A), lives(B, A), speaks(B, Y)" in {rule_text(rule, graph) for rule in near}


def test_acyclic_rules_of_a_temporal_graph_agree_with_brute_force() -> None:
    """Facts within one bin of a moment: (entity, moment) is covered where the body's counted atom has a fact."""
    graph, within = family(moments=5), 2
    n = len(graph.relations)
    facts = {tuple(row) for row in graph.train.both_ways(n).rows.tolist()}

    def near(head: int, relation: int, tail: int, moment: int) -> bool:
        return any((head, relation, tail, m) in facts for m in range(moment - within, moment + within + 1))

    rules = [r for r in mine(graph, Mining(walks=40_000, within=within, starts=1000)) if not r.is_cyclic]
    assert {len(rule.body) for rule in rules} == {1, 2, 3}
    assert any(rule.end is None for rule in rules)
    assert "speaks(X, language A) <= lives(X, town A)" in {rule_text(rule, graph) for rule in rules}
    model = Rules(Mining(walks=0, within=within))
    model.fit(graph)
    for rule in [r for r in rules if len(r.body) < 3][:25] + [r for r in rules if len(r.body) == 3][:5]:
        covered = set()
        for x, moment in product(range(len(graph.entities)), range(5)):
            ways: set[tuple[int, ...]] = {(x,)}
            for relation in rule.body:
                ways = {
                    (*way, y)
                    for way, y in product(ways, range(len(graph.entities)))
                    if y not in way and near(way[-1], relation, y, moment)
                }
            reached = [way for way in ways if rule.end in (None, way[-1])]
            query = Queries(np.array([x]), np.array([rule.head]), np.array([moment]))
            assert bool(len(model._fire(rule, query)[0])) == bool(reached), rule_text(rule, graph)
            counted = rule.body[0] if rule.end is None else rule.body[-1]
            at = [(x, counted, y, moment) for y in range(len(graph.entities))]
            if rule.end is not None:
                at = [(y, counted, rule.end, moment) for y in range(len(graph.entities))]
            if reached and x != rule.tail and any(fact in facts for fact in at):
                covered.add((x, moment))
        assert rule.covered == len(covered), rule_text(rule, graph)
        assert rule.support == sum(near(x, rule.head, int(rule.tail or 0), m) for x, m in covered)


def test_mining_is_deterministic_and_keeps_only_the_best() -> None:
    graph = family()
    assert mine(graph, Mining(walks=5000)) == mine(graph, Mining(walks=5000))
    kept = mine(graph, Mining(walks=5000, keep=2))
    assert max(np.bincount([rule.head for rule in kept])) == 2
