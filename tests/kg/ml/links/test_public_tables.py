"""A reduced run on a public table: a small model must beat every baseline by far."""

from pathlib import Path

from kg.ml.links.baselines import Chance, Degree, Popularity
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import read_quadruples, read_triples


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
