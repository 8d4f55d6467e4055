"""The training loop: seeded shuffles, Adagrad, early stopping on valid, checkpoints that resume to the same result."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError, UnusableData
from kg.ml.links.embedding import Params, as_real, batch_of
from kg.ml.links.evaluation import KnownTails, rank
from kg.ml.links.facts import Asked, Facts, LinkGraph, asked
from kg.ml.links.model import EpochReport, FitReport, Progress
from kg.ml.links.model_file import graph_print, read_arrays, write_arrays
from kg.ml.threads import one_thread

if TYPE_CHECKING:
    from kg.ml.links.embedding import EmbeddingModel

_EPSILON = 1e-10


@dataclass(slots=True)
class _State:
    """All that a run goes on from. Each epoch's shuffle comes from (seed, epoch), so no generator is kept."""

    params: Params
    squares: dict[str, NDArray[Any]]
    best: Params
    best_mrr: float = -1.0
    best_epoch: int = 0
    waited: int = 0
    done: list[EpochReport] = field(default_factory=list)


def train(model: "EmbeddingModel", graph: LinkGraph, progress: Progress, checkpoint: Path | None) -> FitReport:
    """Train in place on one thread. Memory: parameters x 4 and one array of batch x entities."""
    grouped = asked(graph.train.both_ways(len(graph.relations)))
    state = _start(model, graph, checkpoint)
    model.params = state.params
    settings = model.training
    known = KnownTails(graph, (graph.train, graph.valid)) if settings.check_every and len(graph.valid) else None
    with one_thread():
        while len(state.done) < settings.epochs and state.waited < settings.patience:
            epoch = len(state.done) + 1
            begun = time.perf_counter()
            loss = _epoch(model, grouped, state, epoch)
            seconds = time.perf_counter() - begun
            mrr = None
            if known is not None and (epoch % settings.check_every == 0 or epoch == settings.epochs):
                mrr = rank(
                    model.score_tails, graph, _sample(graph.valid, settings.check_facts, settings.seed), known=known
                ).mrr
                _keep_best(state, mrr, epoch)
            state.done.append(EpochReport(epoch, settings.epochs, loss, seconds, mrr))
            progress(state.done[-1])
            if checkpoint is not None:
                _save(checkpoint, model, state, graph)
    if state.best:
        model.params = state.best
    return FitReport(tuple(state.done), state.best_epoch or len(state.done))


def _epoch(model: "EmbeddingModel", grouped: Asked, state: _State, epoch: int) -> float:
    settings = model.training
    rng = np.random.default_rng([settings.seed, epoch])
    order = rng.permutation(len(grouped.queries))
    share = (epoch - 1) / max(settings.epochs - 1, 1)
    rate = settings.rate * settings.final_rate**share
    losses = []
    for start in range(0, len(order), settings.batch):
        loss, grads = model.loss_and_gradients(batch_of(grouped, order[start : start + settings.batch]))
        if not math.isfinite(loss):
            raise UnusableData(
                "Training diverged: the loss is not a number",
                where=f"epoch {epoch}",
                value=loss,
                remedy="Lower the learning rate or raise the regulariser.",
            )
        for name, grad in grads.items():
            adagrad(as_real(state.params[name]), as_real(grad), state.squares[name], rate)
        losses.append(loss)
    return float(np.mean(losses))


def adagrad(value: NDArray[Any], grad: NDArray[Any], squares: NDArray[Any], rate: float) -> None:
    """One step in place: value -= rate * grad / (sqrt(sum of squared gradients) + epsilon). ``grad`` is used up."""
    step = grad * grad
    squares += step
    np.sqrt(squares, out=step)
    step += step.dtype.type(_EPSILON)
    np.divide(grad, step, out=step)
    step *= step.dtype.type(rate)
    value -= step


def _sample(facts: Facts, most: int, seed: int) -> Facts:
    if len(facts) <= most:
        return facts
    rows = np.random.default_rng([seed, 2**31]).choice(len(facts), size=most, replace=False)
    return Facts(facts.rows[np.sort(rows)])


def _keep_best(state: _State, mrr: float, epoch: int) -> None:
    if mrr > state.best_mrr:
        state.best_mrr, state.best_epoch, state.waited = mrr, epoch, 0
        state.best = {name: value.copy() for name, value in state.params.items()}
    else:
        state.waited += 1


def _start(model: "EmbeddingModel", graph: LinkGraph, checkpoint: Path | None) -> _State:
    if checkpoint is not None and checkpoint.exists():
        return _resume(checkpoint, model, graph)
    params = model.init_params(graph)
    return _State(params, {name: np.zeros_like(as_real(value)) for name, value in params.items()}, {})


def _save(path: Path, model: "EmbeddingModel", state: _State, graph: LinkGraph) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for group, content in (("params", state.params), ("squares", state.squares), ("best", state.best)):
        arrays |= {f"{group}/{name}": value for name, value in content.items()}
    header = _identity(model, graph) | {
        "best_mrr": state.best_mrr,
        "best_epoch": state.best_epoch,
        "waited": state.waited,
        "done": [asdict(report) for report in state.done],
    }
    write_arrays(path, header, arrays)


def _identity(model: "EmbeddingModel", graph: LinkGraph) -> dict[str, Any]:
    return {"checkpoint_of": model.kind, "settings": model.settings(), "graph": graph_print(graph, with_facts=True)}


def _resume(path: Path, model: "EmbeddingModel", graph: LinkGraph) -> _State:
    header, arrays = read_arrays(path)
    for name, mine in _identity(model, graph).items():
        if json.dumps(header.get(name), sort_keys=True) != json.dumps(mine, sort_keys=True):
            raise ModelFileError(
                "The checkpoint belongs to another training",
                where=path.name,
                field=name,
                value=header.get(name),
                remedy="Continue with the same model, settings and graph, or delete the checkpoint.",
            )
    groups: dict[str, dict[str, NDArray[Any]]] = {"params": {}, "squares": {}, "best": {}}
    for name, value in arrays.items():
        group, _, rest = name.partition("/")
        groups[group][rest] = value
    done = [EpochReport(**report) for report in header["done"]]
    return _State(
        groups["params"],
        groups["squares"],
        groups["best"],
        header["best_mrr"],
        header["best_epoch"],
        header["waited"],
        done,
    )
