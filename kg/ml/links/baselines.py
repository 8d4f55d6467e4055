"""What a model must beat: chance, how often a tail answers the relation, how many facts an entity has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError
from kg.ml.links.facts import RELATION, TAIL, Floats, LinkGraph, Queries
from kg.ml.links.model import FitReport, LinkModel, Progress


class _Table(LinkModel):
    """A model that is one table of scores."""

    def __init__(self) -> None:
        super().__init__()
        self.table: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)

    def settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "_Table":
        return cls(**settings)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"table": self.table}

    def restore(self, arrays: Mapping[str, NDArray[Any]], graph: LinkGraph) -> None:
        if "table" not in arrays or arrays["table"].shape[-1] != len(graph.entities):
            raise ModelFileError("The file holds no table for this graph", field="table", remedy="Train again.")
        self.table = arrays["table"]
        self._graph = graph


class Popularity(_Table):
    """How often an entity is the tail of the relation in train."""

    kind: ClassVar[str] = "popularity"

    def _fit(self, graph: LinkGraph, _progress: Progress, _checkpoint: Path | None, /) -> FitReport:
        rows = graph.train.both_ways(len(graph.relations)).rows
        self.table = np.zeros((2 * len(graph.relations), len(graph.entities)), dtype=np.float32)
        np.add.at(self.table, (rows[:, RELATION], rows[:, TAIL]), np.float32(1.0))
        return FitReport()

    def _score_tails(self, queries: Queries) -> Floats:
        return self.table[queries.relations]


class Degree(_Table):
    """How many training facts an entity has, in any role."""

    kind: ClassVar[str] = "degree"

    def _fit(self, graph: LinkGraph, _progress: Progress, _checkpoint: Path | None, /) -> FitReport:
        rows = graph.train.both_ways(len(graph.relations)).rows
        self.table = np.bincount(rows[:, TAIL], minlength=len(graph.entities)).astype(np.float32)
        return FitReport()

    def _score_tails(self, queries: Queries) -> Floats:
        return np.tile(self.table, (len(queries), 1))


class Chance(_Table):
    """Random scores, fixed by the seed and the query's head and relation."""

    kind: ClassVar[str] = "random"

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed

    def _fit(self, graph: LinkGraph, _progress: Progress, _checkpoint: Path | None, /) -> FitReport:
        rng = np.random.default_rng(self.seed)
        self.table = rng.random((64, len(graph.entities))).astype(np.float32)
        return FitReport()

    def _score_tails(self, queries: Queries) -> Floats:
        rows = (queries.heads * 31 + queries.relations * 7 + queries.moments) % len(self.table)
        return np.asarray(self.table[rows])

    def settings(self) -> dict[str, Any]:
        return {"seed": self.seed}
