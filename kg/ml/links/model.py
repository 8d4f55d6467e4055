"""The model port: what every link predictor does."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import NotFitted, UnknownName, UnusableData
from kg.ml.links.facts import Floats, LinkGraph, Queries


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: its number from 1, how many are allowed, mean loss, seconds, and MRR on valid where measured."""

    epoch: int
    epochs: int
    loss: float
    seconds: float
    valid_mrr: float | None = None


@dataclass(frozen=True, slots=True)
class FitReport:
    """What a fit did. ``kept_epoch`` is the epoch whose parameters were kept (0: nothing is iterated)."""

    epochs: tuple[EpochReport, ...] = field(default=())
    kept_epoch: int = 0


Progress = Callable[[EpochReport], None]


def silent(_: EpochReport) -> None:
    """The progress that shows nothing."""


class LinkModel(ABC):
    """A link predictor: fit once, then score every entity as the tail of a query.

    A subclass is one module. It names itself in ``kind`` (kept in model files) and is registered by being imported.
    """

    kind: ClassVar[str]

    def __init__(self) -> None:
        self._graph: LinkGraph | None = None

    @property
    def graph(self) -> LinkGraph:
        """The graph the model was fitted on. Raises NotFitted."""
        if self._graph is None:
            raise NotFitted(f"The model '{self.kind}' has no parameters yet", remedy="Call fit, or load a model file.")
        return self._graph

    def fit(self, graph: LinkGraph, *, progress: Progress = silent, checkpoint: Path | None = None) -> FitReport:
        """Learn from ``graph.train``; ``graph.valid`` may only choose among epochs or weights. Test is never read.

        With ``checkpoint`` a model that iterates writes its state there after each epoch and goes on from it.
        """
        self._graph = graph
        return self._fit(graph, progress, checkpoint)

    @abstractmethod
    def _fit(self, graph: LinkGraph, progress: Progress, checkpoint: Path | None, /) -> FitReport: ...

    def score_tails(self, queries: Queries) -> Floats:
        """Scores of shape (len(queries), number of entities), larger is likelier, comparable within a row.

        Raises UnknownName for an index outside the graph, NotFitted, UnusableData if a score is NaN.
        """
        graph = self.graph
        bounds = (
            (queries.heads, len(graph.entities), "entity"),
            (queries.relations, 2 * len(graph.relations), "relation"),
            (queries.moments, len(graph.moments), "moment"),
        )
        for column, bound, name in bounds:
            if len(column) and (int(column.min()) < 0 or int(column.max()) >= bound):
                wrong = int(column[(column < 0) | (column >= bound)][0])
                raise UnknownName(
                    f"A query names a {name} outside the model's {bound}",
                    field=name,
                    value=wrong,
                    remedy="Build queries with graph.query(...) of the graph that the model was trained on.",
                )
        scores = self._score_tails(queries)
        if len(scores) and bool(np.isnan(scores.sum())):
            raise UnusableData(
                "The model's scores are not numbers", where=self.kind, remedy="Train again with a lower learning rate."
            )
        return scores

    @abstractmethod
    def _score_tails(self, queries: Queries) -> Floats: ...

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Constructor arguments, as JSON values."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "LinkModel":
        """An unfitted model from what :meth:`settings` gave."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What was learned, by name."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, NDArray[Any]], graph: LinkGraph) -> None:
        """Take back what :meth:`arrays` gave."""


def model_kinds() -> dict[str, type[LinkModel]]:
    """Every concrete model that has been imported, by ``kind``."""
    found: dict[str, type[LinkModel]] = {}
    todo: list[type[LinkModel]] = list(LinkModel.__subclasses__())
    while todo:
        cls = todo.pop()
        todo.extend(cls.__subclasses__())
        if "kind" in cls.__dict__:
            found[cls.kind] = cls
    return found
