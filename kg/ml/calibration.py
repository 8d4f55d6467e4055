"""From scores to probabilities: Platt or isotonic, fitted and chosen on held-out validation data alone."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnusableData
from kg.ml.threads import one_thread

Reals = NDArray[np.float64]
Method = Literal["platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A monotone map from score to probability, kept as knots between which it is straight.

    ``method`` isotonic: ``knots`` scores and their probabilities. platt: 1 / (1 + exp(-(slope * score + offset))), with
    ``knots`` = [slope], ``values`` = [offset].
    """

    method: Method
    knots: Reals
    values: Reals

    def __call__(self, scores: NDArray[Any]) -> Reals:
        """Probabilities, float64. Raises UnusableData for NaN."""
        given = np.asarray(scores, dtype=np.float64)
        if np.any(np.isnan(given)):
            raise UnusableData("A score is not a number", remedy="Leave out what the model could not score.")
        if self.method == "platt":
            return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.knots[0] * given + self.values[0], -500.0, 500.0))))
        return np.asarray(np.interp(given, self.knots, self.values))


@dataclass(frozen=True, slots=True)
class Reliability:
    """``mean_probability``, ``frequency`` and ``count`` of each bin; bins hold (nearly) equally many cases."""

    prevalence: float
    brier: float
    ece: float
    mean_probability: Reals
    frequency: Reals
    count: NDArray[np.int64]


def calibrate(scores: Reals, labels: NDArray[np.bool_], weights: Reals | None = None, *, seed: int = 0) -> Calibrator:
    """Fit both methods, choose by the Brier score of two-fold cross-validation, and fit the chosen one on everything.

    ``weights``: how much each case counts; None: all alike. Raises UnusableData for NaN, different lengths, or labels
    of one class only.
    """
    _check(scores, labels)
    counts = np.ones(len(scores)) if weights is None else weights
    if counts.shape != scores.shape or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise UnusableData("Weights are finite, not negative, one for each score", value=counts.shape)
    fold = np.random.default_rng(seed).permutation(len(scores)) % 2
    methods: tuple[Method, ...] = ("platt", "isotonic")
    errors = {}
    for method in methods:
        total = 0.0
        for part in (0, 1):
            if len(np.unique(labels[fold != part])) < 2:
                return _fit("platt", scores, labels, counts)
            made = _fit(method, scores[fold != part], labels[fold != part], counts[fold != part])
            here = fold == part
            total += float(np.sum(counts[here] * (made(scores[here]) - labels[here]) ** 2))
        errors[method] = total
    return _fit("isotonic" if errors["isotonic"] < errors["platt"] else "platt", scores, labels, counts)


def _fit(method: Method, scores: Reals, labels: NDArray[np.bool_], weights: Reals) -> Calibrator:
    with one_thread():
        return _fitted(method, scores, labels, weights)


def _fitted(method: Method, scores: Reals, labels: NDArray[np.bool_], weights: Reals) -> Calibrator:
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, labels.astype(np.float64), weights)
        return Calibrator("isotonic", np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_))
    from sklearn.linear_model import LogisticRegression

    spread = max(float(scores.std()), 1e-9)
    line = LogisticRegression(C=1e6).fit((scores / spread)[:, None], labels, weights)
    return Calibrator("platt", np.array([float(line.coef_[0, 0]) / spread]), np.array([float(line.intercept_[0])]))


def reliability(probabilities: Reals, labels: NDArray[np.bool_], *, bins: int = 15) -> Reliability:
    """Brier score and expected calibration error over ``bins`` bins of equal mass.

    Isotonic maps give many cases the same probability, and a bin may end among them. Their order is then drawn by a
    fixed seed: in the order of the input, true cases listed before false ones would look badly calibrated.
    """
    _check(probabilities, labels, classes=1)
    tie_break = np.random.default_rng(0).permutation(len(probabilities))
    order = np.lexsort((tie_break, probabilities))
    sorted_p, sorted_y = probabilities[order], labels[order].astype(np.float64)
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(np.int64)
    count = np.diff(edges)
    mean = np.add.reduceat(sorted_p, edges[:-1]) / count
    frequency = np.add.reduceat(sorted_y, edges[:-1]) / count
    return Reliability(
        float(sorted_y.mean()),
        float(np.mean((sorted_p - sorted_y) ** 2)),
        float(np.sum(count * np.abs(mean - frequency)) / count.sum()),
        mean,
        frequency,
        count,
    )


def _check(scores: Reals, labels: NDArray[np.bool_], *, classes: int = 2) -> None:
    if scores.shape != labels.shape or scores.ndim != 1 or not len(scores):
        raise UnusableData(
            "Scores and labels must be two columns of one length",
            value=(scores.shape, labels.shape),
            remedy="Give one label for each score.",
        )
    if not np.all(np.isfinite(scores)):
        raise UnusableData("A score is not a finite number", remedy="Leave out what the model could not score.")
    if len(np.unique(labels)) < classes:
        raise UnusableData(
            "The labels are of one class only",
            value=bool(labels[0]),
            remedy="A probability can be fitted only where some cases hold and some do not.",
        )
