"""A reduced run on a public table: a small model must beat every baseline by far."""

from pathlib import Path

import numpy as np

from kg.ml.links.baselines import Chance, Degree, Popularity
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import Facts, Queries, read_quadruples, read_triples


def test_umls_with_a_small_embedding(benchmark_data: Path) -> None:
    graph = read_triples(benchmark_data / "kge" / "umls")
    model = ComplExN3(Training(rank=64, epochs=15, batch=100, n3=0.01))
    model.fit(graph)
    mrr = rank(model.score_tails, graph, graph.test).mrr
    assert mrr > 0.85
    for baseline in (Chance(), Degree(), Popularity()):
        baseline.fit(graph)
        assert rank(baseline.score_tails, graph, graph.test).mrr < mrr - 0.15


def test_icews14_is_read_as_published(benchmark_data: Path) -> None:
    graph = read_quadruples(benchmark_data / "icews14")
    assert (len(graph.train), len(graph.valid), len(graph.test)) == (72_826, 8_941, 8_963)
    assert (len(graph.entities), len(graph.relations), len(graph.moments)) == (7_128, 230, 365)
    assert graph.entity("South Korea") == 0


def test_ranks_on_public_tables_equal_those_by_definition(benchmark_data: Path) -> None:
    """A sample of test facts, each ranked by a plain loop over all entities."""
    graphs = (read_triples(benchmark_data / "kge" / "kinships"), read_quadruples(benchmark_data / "icews14"))
    for graph in graphs:
        model = Popularity()
        model.fit(graph)
        true = {tuple(row) for part in (graph.train, graph.valid, graph.test) for row in part.rows.tolist()}
        sample = Facts(graph.test.rows[:: len(graph.test) // 12])
        got = rank(model.score_tails, graph, sample)
        for i, (h, r, t, m) in enumerate(sample.rows.tolist()):
            for side, (asked_of, relation, answer) in enumerate(((h, r, t), (t, r + len(graph.relations), h))):
                scores = model.score_tails(Queries(*(np.array([x]) for x in (asked_of, relation, m))))[0].tolist()
                rivals = [
                    score
                    for e, score in enumerate(scores)
                    if e != answer and ((h, r, e, m) if side == 0 else (e, r, t, m)) not in true
                ]
                better = sum(score > scores[answer] for score in rivals)
                equal = sum(score == scores[answer] for score in rivals)
                assert got.ranks[side, i] == 1 + better + equal / 2
