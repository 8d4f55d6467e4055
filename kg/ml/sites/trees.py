"""Boosted trees as plain arrays: scored, saved and explained without the library that grew them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnusableData

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_FIELDS = ("feature", "threshold", "left", "right", "value", "roots")


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of regression trees in log-odds. All nodes of all trees in one row of arrays; ``roots`` says where each
    begins; a leaf points to itself. ``value`` of an inner node is the mean of its leaves, weighted by training rows.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]
    roots: NDArray[np.int64]
    base: float

    @classmethod
    def of(cls, model: "HistGradientBoostingClassifier") -> "Trees":
        """From a fitted binary classifier without missing values or categorical features."""
        # scikit-learn has no public view of these trees; a test compares the sum with its decision_function.
        grown = [stage[0].nodes for stage in model._predictors]  # noqa: SLF001
        base = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001
        sizes = [len(nodes) for nodes in grown]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        every = np.concatenate(grown)
        offset = np.repeat(roots, sizes)
        leaf = every["is_leaf"].astype(bool)
        own = np.arange(len(every))
        left = np.where(leaf, own, every["left"].astype(np.int64) + offset)
        right = np.where(leaf, own, every["right"].astype(np.int64) + offset)
        value = np.where(leaf, every["value"], 0.0)
        count = every["count"].astype(np.float64)
        for node in own[::-1]:  # children come after their parent
            if not leaf[node]:
                both = count[left[node]] + count[right[node]]
                mean = count[left[node]] * value[left[node]] + count[right[node]] * value[right[node]]
                value[node] = mean / both
        return cls(
            every["feature_idx"].astype(np.int64), every["num_threshold"].copy(), left, right, value, roots, base
        )

    def contributions(self, rows: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
        """(constant, float64 (n, features)): each row's score is the constant plus the sum of its contributions.

        On its way down a tree a row moves from the mean of all training rows to its leaf; each step is credited to the
        feature that was asked (Saabas 2014; Palczewska et al. 2013).
        """
        check_finite(rows)
        out = np.zeros(rows.shape)
        at_row = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root)
            while True:
                feature = self.feature[node]
                step = np.where(rows[at_row, feature] <= self.threshold[node], self.left[node], self.right[node])
                if np.array_equal(step, node):
                    break
                out[at_row, feature] += self.value[step] - self.value[node]
                node = step
        return self.base + float(self.value[self.roots].sum()), out

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds, float64 (n,)."""
        check_finite(rows)
        out = np.full(len(rows), self.base)
        at_row = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root)
            while True:
                goes_left = rows[at_row, self.feature[node]] <= self.threshold[node]
                step = np.where(goes_left, self.left[node], self.right[node])
                if np.array_equal(step, node):
                    break
                node = step
            out += self.value[node]
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in _FIELDS} | {"base": np.array(self.base)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Trees":
        return cls(**{name: arrays[name] for name in _FIELDS}, base=float(arrays["base"]))


def check_finite(rows: NDArray[np.float32]) -> None:
    """Raises UnusableData naming the first cell that is NaN or infinite."""
    wrong = ~np.isfinite(rows)
    if np.any(wrong):
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise UnusableData(
            "A feature is not a finite number",
            where=f"row {row}",
            field=f"feature {column}",
            value=float(rows[row, column]),
            remedy="Fill or leave out the missing value before training and scoring.",
        )
