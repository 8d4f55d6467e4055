"""An embedding and its evidence in one score, whose parts add up.

score(query, e) = sum over channels of weight * value: the embedding's score, and what the training facts say near the
moment (temporal graphs: :mod:`kg.ml.links.recurrence`) or by rules (static graphs). The weights are a conditional logit
fitted on valid, whose facts the channels have not seen.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError, UnusableData
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import EmbeddingModel, Training
from kg.ml.links.evaluation import KnownTails
from kg.ml.links.facts import Facts, Floats, LinkGraph, Queries, asked
from kg.ml.links.logit import Choices, fit_logit
from kg.ml.links.model import FitReport, LinkModel, Progress
from kg.ml.links.recurrence import Recurrence
from kg.ml.links.rules.mine import Mining
from kg.ml.links.rules.model import Rules
from kg.ml.links.tnt_complex import TNTComplEx
from kg.ml.threads import one_thread


@dataclass(frozen=True, slots=True)
class Weighing:
    """How the weights are fitted: on at most ``facts`` facts of valid drawn by seed, each against the ``best``
    candidates of the embedding and the ``evident`` candidates of the other channels; ``ridge`` on the weights."""

    facts: int = 2500
    best: int = 300
    evident: int = 100
    ridge: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class BlendSettings:
    training: Training = field(default_factory=Training)
    weighing: Weighing = field(default_factory=Weighing)
    mining: Mining = field(default_factory=Mining)


class Blend(LinkModel):
    """TNTComplEx with recurrence on temporal graphs, ComplEx-N3 with rules on static ones.

    On temporal graphs rules are mined too, but only explain: counts near the moment say more there. Mining of 0 walks
    leaves them out.
    """

    kind: ClassVar[str] = "blend"

    def __init__(self, blend: BlendSettings | None = None) -> None:
        super().__init__()
        self.blend = blend or BlendSettings()
        self.weights: NDArray[np.float64] = np.empty(0)
        self.embedding: EmbeddingModel | None = None
        self.rules: Rules | None = None
        self._recurrence: Recurrence | None = None

    def _prepare(self, graph: LinkGraph) -> EmbeddingModel:
        training = self.blend.training
        self.embedding = TNTComplEx(training) if graph.is_temporal else ComplExN3(training)
        self._recurrence = Recurrence(graph) if graph.is_temporal else None
        self.rules = Rules(self.blend.mining)
        return self.embedding

    def _fit(self, graph: LinkGraph, progress: Progress, checkpoint: Path | None, /) -> FitReport:
        if not len(graph.valid):
            raise UnusableData("The weights of a blend need facts held out from training", where="valid")
        report = self._prepare(graph).fit(graph, progress=progress, checkpoint=checkpoint)
        if self.rules is not None:
            self.rules.fit(graph)
        self.weigh(graph)
        return report

    def weigh(self, graph: LinkGraph) -> None:
        """Fit the weights on valid, the members being fitted."""
        with one_thread():
            self.weights = fit_logit(self._choices(graph), self.blend.weighing.ridge)

    @property
    def channel_names(self) -> tuple[str, ...]:
        rest = ("rules", "some rule") if self._recurrence is None else self._recurrence.names
        return ("embedding", *rest)

    def channels(self, queries: Queries) -> NDArray[np.float32]:
        """float32 (channels, n, entities), the embedding's score counted from the best of its row."""
        if self.embedding is None:
            raise UnusableData("The blend has no members", remedy="Call fit, or load a model file.")
        scores = self.embedding.score_tails(queries)
        scores -= scores.max(axis=1, keepdims=True)
        if self._recurrence is not None:
            return np.concatenate([scores[None], self._recurrence.channels(queries)])
        by_rules = self.rules.score_tails(queries) if self.rules is not None else np.zeros_like(scores)
        return np.stack([scores, np.log1p(by_rules), (by_rules > 0).astype(np.float32)])

    def _score_tails(self, queries: Queries) -> Floats:
        if self._recurrence is not None and self.embedding is not None:
            scores = self.embedding.score_tails(queries)
            scores -= scores.max(axis=1, keepdims=True)
            scores *= np.float32(self.weights[0])
            self._recurrence.add_to(scores, queries, self.weights[1:])
            return scores
        values = self.channels(queries)
        out = values[0] * np.float32(self.weights[0])
        for weight, value in zip(self.weights[1:], values[1:], strict=True):
            out += value * np.float32(weight)
        return np.asarray(out)

    def explain(self, query: Queries, tail: int) -> dict[str, float]:
        """The named parts of one score, which sum to it (up to float32)."""
        values = self.channels(query)[:, 0, tail]
        return {name: float(w * v) for name, w, v in zip(self.channel_names, self.weights, values, strict=True)}

    def _choices(self, graph: LinkGraph) -> Choices:
        weighing = self.blend.weighing
        rng = np.random.default_rng([weighing.seed, 7])
        chosen = np.sort(rng.permutation(len(graph.valid))[: weighing.facts])
        grouped = asked(Facts(graph.valid.rows[chosen]).both_ways(len(graph.relations)))
        known = KnownTails(graph, (graph.train, graph.valid))
        parts = []
        for start in range(0, len(grouped.queries), 128):
            stop = min(start + 128, len(grouped.queries))
            values = self.channels(grouped.queries[start:stop])
            owners = np.repeat(np.arange(stop - start), np.diff(grouped.starts[start : stop + 1]))
            tails = grouped.tails[grouped.starts[start] : grouped.starts[stop]]
            parts.append(_among(values, owners, tails, known.of(grouped.queries[start:stop]), weighing))
        return Choices.joined(parts)

    def settings(self) -> dict[str, Any]:
        return {name: asdict(getattr(self.blend, name)) for name in ("training", "weighing", "mining")}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Blend":
        return cls(
            BlendSettings(
                Training(**settings["training"]), Weighing(**settings["weighing"]), Mining(**settings["mining"])
            )
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        out: dict[str, NDArray[Any]] = {"weights": self.weights}
        for group, member in (("embedding", self.embedding), ("rules", self.rules)):
            if member is not None:
                out |= {f"{group}/{name}": value for name, value in member.arrays().items()}
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]], graph: LinkGraph) -> None:
        """Recurrence is counted again from the graph's training facts: a newer graph brings newer evidence."""
        embedding = self._prepare(graph)
        self._graph = graph
        self.weights = arrays.get("weights", np.empty(0))
        if self.weights.shape != (len(self.channel_names),):
            raise ModelFileError("The weights do not fit the channels", field="weights", remedy="Train again.")
        embedding.restore(_under(arrays, "embedding/"), graph)
        if self.rules is not None:
            self.rules.restore(_under(arrays, "rules/"), graph)


def _under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _among(
    values: NDArray[np.float32],
    owners: NDArray[np.int64],
    tails: NDArray[np.int64],
    known: tuple[NDArray[np.int64], NDArray[np.int64]],
    weighing: Weighing,
) -> Choices:
    """Each answer and the candidates it competes with; other known answers do not compete."""
    first, rest = values[0].copy(), values[1:].sum(axis=0)
    first[known] = -np.inf
    rest[known] = -np.inf
    n = first.shape[1]
    best, evident = min(weighing.best, n), min(weighing.evident, n)
    rivals = np.concatenate(
        [np.argpartition(-first, best - 1, axis=1)[:, :best], np.argpartition(-rest, evident - 1, axis=1)[:, :evident]],
        axis=1,
    )
    rivals = np.sort(rivals, axis=1)
    counted = np.ones(rivals.shape, dtype=bool)
    counted[:, 1:] = rivals[:, 1:] != rivals[:, :-1]
    counted &= np.isfinite(np.take_along_axis(first, rivals, axis=1))
    cells = np.column_stack([tails, rivals[owners]])
    mask = np.column_stack([np.ones(len(tails), dtype=bool), counted[owners]])
    picked = values[:, owners[:, None], cells]
    return Choices(np.ascontiguousarray(np.moveaxis(picked, 0, 2)), mask)
