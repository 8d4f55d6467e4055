"""Seconds an epoch and seconds per 1,000 queries beside PyKEEN: the same model, data, batches and one thread each.

`PYTHONPATH=. PYTHON benchmarks/ml/pykeen_peer.py --data ../shared/data [--out FILE]`, where PYTHON is the interpreter
of an environment that has pykeen, scikit-learn and threadpoolctl; it is none of this project's dependencies.

ComplEx with reciprocal relations, full softmax over all entities for batches of distinct (head, relation), N3 and
Adagrad. Both are first given the same parameters and must give the same scores. Then they take turns, so that a busy
machine slows both; the median of the rounds' CPU seconds counts (wall-clock beside it).
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training, as_real
from kg.ml.links.facts import HEAD, RELATION, TAIL, Facts, LinkGraph, Queries, read_quadruples, read_triples
from kg.ml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

# Table, rank, batch, rounds.
RUNS = (("umls", 400, 50, 5), ("kinships", 400, 50, 5), ("icews14", 100, 1000, 3))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    try:
        import pykeen
        import torch
    except ImportError as missing:
        print(f"PyKEEN is not installed here ({missing}): run this with an interpreter that has it.", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    result: dict[str, Any] = {"pykeen": pykeen.get_version(), "torch": torch.__version__}
    for name, rank, batch, rounds in RUNS:
        result[name] = beside(static_graph(chosen.data, name), rank, batch, rounds)
        print(name, json.dumps(result[name]), flush=True)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


def static_graph(data: Path, name: str) -> LinkGraph:
    """The table; of ICEWS14 the distinct facts without their days."""
    if name != "icews14":
        return read_triples(data / "kge" / name)
    graph = read_quadruples(data / name)
    train, valid, test = (
        Facts(np.unique(part.rows * np.array([1, 1, 1, 0]), axis=0)) for part in (graph.train, graph.valid, graph.test)
    )
    return LinkGraph(graph.entities, graph.relations, train, valid, test)


def beside(graph: LinkGraph, rank: int, batch: int, rounds: int) -> dict[str, Any]:
    rows = graph.train.both_ways(len(graph.relations)).rows
    asked = rows[np.random.default_rng(0).integers(0, len(rows), 1000)]
    difference = largest_difference(graph, rank, asked)
    assert difference < 1e-4, f"the two score the same: {difference}"
    runs: dict[str, Callable[[], dict[str, float]]] = {
        "ours": lambda: ours(graph, rank, batch, asked),
        "pykeen": lambda: theirs(graph, rank, batch, asked),
    }
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    with one_thread():
        for _ in range(rounds):
            for name, run in runs.items():
                taken[name].append(run())
    out: dict[str, Any] = {"entities": len(graph.entities), "facts": len(graph.train), "rank": rank, "batch": batch}
    for name, found in taken.items():
        out[name] = {key: float(np.median([one[key] for one in found])) for key in found[0]}
    out["ratio"] = {key: out["pykeen"][key] / out["ours"][key] for key in out["ours"]}
    return out


def ours(graph: LinkGraph, rank: int, batch: int, asked: np.ndarray) -> dict[str, float]:
    model = ComplExN3(Training(rank=rank, epochs=2, batch=batch, n3=0.01, check_every=0))
    ticks: list[tuple[float, float]] = []
    model.fit(graph, progress=lambda _: ticks.append((time.process_time(), time.perf_counter())))
    queries = Queries(asked[:, HEAD].copy(), asked[:, RELATION].copy(), np.zeros(len(asked), dtype=np.int64))
    return timed(ticks, lambda: model.score_tails(queries))


def theirs(graph: LinkGraph, rank: int, batch: int, asked: np.ndarray) -> dict[str, float]:
    import torch
    from pykeen.training import LCWATrainingLoop
    from pykeen.training.callbacks import TrainingCallback

    ticks: list[tuple[float, float]] = []

    class Tick(TrainingCallback):  # type: ignore[misc]
        def post_epoch(self, epoch: int, epoch_loss: float, **_: object) -> None:  # noqa: ARG002
            ticks.append((time.process_time(), time.perf_counter()))

    facts = factory(graph)
    model = their_model(facts, rank)
    optimizer = torch.optim.Adagrad(params=model.get_grad_params(), lr=0.1)
    loop = LCWATrainingLoop(model=model, triples_factory=facts, optimizer=optimizer)
    loop.train(facts, num_epochs=2, batch_size=batch, use_tqdm=False, callbacks=[Tick()])
    model.eval()
    queries = torch.as_tensor(np.column_stack([asked[:, HEAD], their_relations(graph, asked)]))

    def score() -> None:
        with torch.inference_mode():
            model.score_t(queries)

    return timed(ticks, score)


def timed(ticks: list[tuple[float, float]], score: "Callable[[], object]") -> dict[str, float]:
    """The second epoch's seconds (the first sets things up), and those of scoring, once warm."""
    score()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(5):
        score()
    return {
        "epoch_cpu_seconds": ticks[1][0] - ticks[0][0],
        "epoch_seconds": ticks[1][1] - ticks[0][1],
        "score_1000_cpu_seconds": (time.process_time() - cpu) / 5,
        "score_1000_seconds": (time.perf_counter() - wall) / 5,
    }


def factory(graph: LinkGraph) -> Any:
    import torch
    from pykeen.triples import CoreTriplesFactory

    mapped = torch.as_tensor(graph.train.rows[:, [HEAD, RELATION, TAIL]].copy())
    return CoreTriplesFactory(
        mapped, num_entities=len(graph.entities), num_relations=len(graph.relations), create_inverse_triples=True
    )


def their_model(facts: Any, rank: int) -> Any:
    from pykeen.models import ComplEx

    return ComplEx(
        triples_factory=facts,
        embedding_dim=rank,
        loss="crossentropy",
        regularizer="lp",
        regularizer_kwargs={"p": 3.0, "weight": 0.01, "apply_only_once": False},
        random_seed=0,
    )


def their_relations(graph: LinkGraph, asked: np.ndarray) -> np.ndarray:
    """PyKEEN numbers a relation 2 r and its inverse 2 r + 1."""
    n = len(graph.relations)
    return np.asarray(2 * (asked[:, RELATION] % n) + asked[:, RELATION] // n)


def largest_difference(graph: LinkGraph, rank: int, asked: np.ndarray) -> float:
    """Of scores by the two with the same parameters."""
    import torch

    model = ComplExN3(Training(rank=rank, init=0.1))
    model.params = model.init_params(graph)
    theirs_ = their_model(factory(graph), rank)
    order = np.arange(2 * len(graph.relations)).reshape(2, -1).T.ravel()
    with torch.no_grad():
        for own, values in (
            (theirs_.entity_representations, model.params["entity"]),
            (theirs_.relation_representations, model.params["relation"][order]),
        ):
            (weight,) = own[0].parameters()
            weight.copy_(torch.as_tensor(as_real(np.ascontiguousarray(values))).reshape(weight.shape))
        queries = torch.as_tensor(np.column_stack([asked[:, HEAD], their_relations(graph, asked)]))
        scored = theirs_.score_t(queries).numpy()
    vectors = model.params["entity"][asked[:, HEAD]] * model.params["relation"][asked[:, RELATION]]
    return float(np.abs(scored - as_real(vectors) @ as_real(model.params["entity"]).T).max())


if __name__ == "__main__":
    sys.exit(main())
