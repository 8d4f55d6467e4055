"""What the factorisation models share: complex factors, full softmax over all entities, N3, and Adagrad.

A model of this family turns a query into one complex vector q, and scores every entity e by Re<q, conj(e)>. Kept as
complex arrays, that is a product of two real matrices (the same memory, real and imaginary parts side by side).

Sources: Lacroix, Usunier, Obozinski, *Canonical Tensor Decomposition for Knowledge Base Completion*, ICML 2018 (full
softmax, reciprocal relations, N3); Lacroix, Obozinski, Usunier, *Tensor Decompositions for Temporal Knowledge Base
Completion*, ICLR 2020.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError, UnusableData
from kg.ml.links.facts import Asked, Floats, Ints, LinkGraph, Queries
from kg.ml.links.model import FitReport, LinkModel, Progress

Complex = NDArray[np.complexfloating[Any, Any]]
Params = dict[str, Complex]

# Outside exp(+-60) the sums over a row overflow float32 or its terms become denormal numbers, which make the matrix
# products a hundred times slower.
_SAFE_LOGIT = 60.0


@dataclass(frozen=True, slots=True)
class Training:
    """How an embedding is trained.

    ``rank`` complex numbers an entity; ``batch`` distinct queries a step; ``n3`` weight of the nuclear 3-norm;
    ``smooth`` weight of the difference of neighbouring moments (temporal models); every ``check_every`` epochs the
    MRR of valid is measured (0: never), on at most ``check_facts`` facts drawn by seed; ``patience`` measurements
    without a new best end the training. The rate falls geometrically to ``rate * final_rate`` in the last epoch.
    """

    rank: int = 100
    epochs: int = 50
    batch: int = 1000
    rate: float = 0.1
    n3: float = 0.01
    smooth: float = 0.0
    init: float = 0.01
    check_every: int = 5
    check_facts: int = 4000
    patience: int = 3
    final_rate: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "epochs", "batch"):
            if getattr(self, name) < 1:
                raise UnusableData("A training setting must be at least 1", field=name, value=getattr(self, name))
        if not (np.isfinite(self.rate) and self.rate > 0):
            raise UnusableData("The learning rate must be positive", field="rate", value=self.rate)


@dataclass(frozen=True, slots=True)
class Batch:
    """Distinct queries with the tails that answer each (``owners`` is the row of each tail's query)."""

    queries: Queries
    tails: Ints
    owners: Ints
    counts: Ints


def batch_of(grouped: Asked, rows: Ints) -> Batch:
    counts = grouped.counts[rows]
    ends = np.cumsum(counts)
    within = np.arange(int(ends[-1])) - np.repeat(ends - counts, counts)
    tails = grouped.tails[np.repeat(grouped.starts[rows], counts) + within]
    return Batch(grouped.queries[rows], tails, np.repeat(np.arange(len(rows)), counts), counts)


def as_real(array: Complex) -> NDArray[np.floating[Any]]:
    """The same memory as real numbers, last axis twice as long."""
    real = np.float32 if array.dtype == np.complex64 else np.float64
    return array.view(real)


def scatter_add(into: Complex, rows: Ints, values: Complex) -> None:
    """``into[rows] += values`` with repeated rows added up; many times faster than np.add.at on wide rows."""
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.append(True, sorted_rows[1:] != sorted_rows[:-1]))
    into[sorted_rows[starts]] += np.add.reduceat(values[order], starts, axis=0)


def n3(factor: Complex, weights: NDArray[Any], scale: float) -> tuple[float, Complex]:
    """Value and gradient of scale * sum_i weights_i * sum_k |factor_ik|^3; the gradient is 3 * scale * w * |f| * f."""
    size = np.abs(factor)
    column = weights.astype(size.dtype)[:, None]
    value = scale * float(np.sum(column * size**3))
    size *= column
    size *= size.dtype.type(3.0 * scale)
    return value, factor * size


def _exp_in_place(scores: NDArray[Any]) -> NDArray[Any] | float:
    """exp(scores - shift), by row; returns the shift, which is 0 while all scores are small."""
    if float(scores.max()) < _SAFE_LOGIT and float(scores.min()) > -_SAFE_LOGIT:
        np.exp(scores, out=scores)
        return 0.0
    shift = scores.max(axis=1)
    scores -= shift[:, None]
    np.maximum(scores, scores.dtype.type(-_SAFE_LOGIT), out=scores)
    np.exp(scores, out=scores)
    return np.asarray(shift, dtype=np.float64)


class EmbeddingModel(LinkModel):
    """Base of the factorisation models. A subclass says what its parameters are, how a query becomes a vector, and how
    the gradient of that vector reaches the parameters."""

    # The parameter whose rows are the candidates.
    entity_param: ClassVar[str] = "entity"

    def __init__(self, training: Training | None = None, *, dtype: str = "complex64") -> None:
        super().__init__()
        self.training = training or Training()
        self.dtype = np.dtype(dtype)
        self.params: Params = {}
        self._scores: NDArray[Any] = np.empty(0, dtype=np.float32)

    @abstractmethod
    def shapes(self, graph: LinkGraph) -> dict[str, tuple[int, int]]:
        """Rows and columns of each parameter."""

    @abstractmethod
    def encode(self, queries: Queries) -> Complex:
        """The vector of each query, shape (n, rank)."""

    @abstractmethod
    def backward(self, batch: Batch, upstream: Complex, scale: float, grads: Params) -> float:
        """Add to ``grads`` what comes from ``upstream`` (d loss / d query vector) and from the regulariser of all
        factors but the tail's, weighted by ``scale``; return the regulariser's value."""

    def init_params(self, graph: LinkGraph) -> Params:
        rng = np.random.default_rng(self.training.seed)
        params: Params = {}
        for name, shape in self.shapes(graph).items():
            flat = rng.standard_normal((shape[0], 2 * shape[1])) * self.training.init
            params[name] = flat.view(np.complex128).astype(self.dtype)
        return params

    def loss_and_gradients(self, batch: Batch) -> tuple[float, Params]:
        """Mean over the batch's facts of cross-entropy plus regulariser, and its gradient by parameter.

        A gradient g of a complex p is kept as d/dRe(p) + i d/dIm(p).
        """
        n = len(batch.tails)
        entity = self.params[self.entity_param]
        real_entity = as_real(entity)
        grads = {name: np.zeros_like(value) for name, value in self.params.items() if name != self.entity_param}
        vectors = np.ascontiguousarray(self.encode(batch.queries))
        scores = self._scratch(len(vectors), len(entity), real_entity.dtype)
        np.matmul(as_real(vectors), real_entity.T, out=scores)
        gold = float(scores[batch.owners, batch.tails].sum(dtype=np.float64))
        shift = _exp_in_place(scores)
        total = scores.sum(axis=1)
        normaliser = float(np.sum(batch.counts * (np.log(total.astype(np.float64)) + shift)))
        loss = (normaliser - gold) / n
        # d loss / d scores = probabilities * weight - gold; the weights go to the thin side of each product.
        weights = (batch.counts / (total * n)).astype(real_entity.dtype)[:, None]
        upstream = (np.matmul(scores, real_entity) * weights).view(self.dtype)
        entity_grad = np.matmul(scores.T, as_real(vectors) * weights).view(self.dtype)
        scatter_add(upstream, batch.owners, entity[batch.tails] * real_entity.dtype.type(-1.0 / n))
        scatter_add(entity_grad, batch.tails, vectors[batch.owners] * real_entity.dtype.type(-1.0 / n))
        grads[self.entity_param] = entity_grad
        scale = self.training.n3 / n
        loss += self._tail_regulariser(batch, scale, grads[self.entity_param])
        loss += self.backward(batch, upstream, scale, grads)
        return loss, grads

    def _scratch(self, rows: int, columns: int, dtype: "np.dtype[Any]") -> NDArray[Any]:
        """The largest array of a step, kept between steps: fresh memory of this size costs as much as the product."""
        if self._scores.dtype != dtype or self._scores.size < rows * columns:
            self._scores = np.empty(rows * columns, dtype=dtype)
        return self._scores[: rows * columns].reshape(rows, columns)

    def tail_weight(self) -> float:
        """Weight of the tail's (and head's) norm against the relation's."""
        return 1.0

    def _tail_regulariser(self, batch: Batch, scale: float, grad: Complex) -> float:
        tails, counts = np.unique(batch.tails, return_counts=True)
        value, slope = n3(self.params[self.entity_param][tails], counts, scale * self.tail_weight())
        grad[tails] += slope
        return value

    def _score_tails(self, queries: Queries) -> Floats:
        vectors = np.ascontiguousarray(self.encode(queries))
        return np.asarray(as_real(vectors) @ as_real(self.params[self.entity_param]).T, dtype=np.float32)

    def _fit(self, graph: LinkGraph, progress: Progress, checkpoint: Path | None, /) -> FitReport:
        from kg.ml.links.training import train  # training needs this module

        return train(self, graph, progress, checkpoint)

    def settings(self) -> dict[str, Any]:
        return {"training": asdict(self.training), "dtype": self.dtype.name}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "EmbeddingModel":
        return cls(Training(**settings["training"]), dtype=settings["dtype"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return dict(self.params)

    def restore(self, arrays: Mapping[str, NDArray[Any]], graph: LinkGraph) -> None:
        for name, shape in self.shapes(graph).items():
            if name not in arrays or arrays[name].shape != shape:
                raise ModelFileError(
                    "A parameter is missing or has another shape than the graph asks for",
                    field=name,
                    value=arrays[name].shape if name in arrays else None,
                    remedy=f"Expected {shape}; train again.",
                )
        self.params = {name: np.ascontiguousarray(arrays[name]) for name in self.shapes(graph)}
        self._graph = graph
