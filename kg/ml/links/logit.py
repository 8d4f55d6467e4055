"""Conditional logit: weights of named values so that the chosen option is likeliest among those offered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnusableData


@dataclass(frozen=True, slots=True)
class Choices:
    """``values`` float32 (n, options, channels), option 0 is the chosen one; ``offered`` bool (n, options)."""

    values: NDArray[np.float32]
    offered: NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: Sequence["Choices"]) -> "Choices":
        return cls(np.concatenate([p.values for p in parts]), np.concatenate([p.offered for p in parts]))


def log_likelihood(
    weights: NDArray[np.float64], choices: Choices, ridge: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Mean negative log-likelihood plus ridge * |w|^2, its gradient and its Hessian."""
    channels = choices.values.shape[2]
    loss, slope, curve = 0.0, np.zeros(channels), np.zeros((channels, channels))
    for start in range(0, len(choices.values), 256):
        values = choices.values[start : start + 256].astype(np.float64)
        scores = np.where(choices.offered[start : start + 256], values @ weights, -np.inf)
        scores -= scores.max(axis=1, keepdims=True)
        chance = np.exp(scores)
        total = chance.sum(axis=1, keepdims=True)
        chance /= total
        loss += float(np.sum(np.log(total[:, 0]) - scores[:, 0]))
        mean = np.einsum("no,noc->nc", chance, values)
        slope += (mean - values[:, 0]).sum(axis=0)
        flat = values.reshape(-1, channels)
        curve += (flat * chance.reshape(-1, 1)).T @ flat - mean.T @ mean
    n = len(choices.values)
    return (
        loss / n + ridge * float(weights @ weights),
        slope / n + 2 * ridge * weights,
        curve / n + 2 * ridge * np.eye(channels),
    )


def fit_logit(choices: Choices, ridge: float, *, rounds: int = 30) -> NDArray[np.float64]:
    """Newton's method with halved steps (the problem is convex). Raises UnusableData for NaN and for no choices."""
    if not len(choices.values):
        raise UnusableData("There is no choice to learn weights from", remedy="Hold out more facts.")
    if not np.all(np.isfinite(choices.values)):
        raise UnusableData("A channel's value is not a finite number", remedy="Check the models that are blended.")
    scale = np.maximum(choices.values.reshape(-1, choices.values.shape[2]).std(axis=0), 1e-6)
    scaled = Choices(choices.values / scale.astype(np.float32), choices.offered)
    weights = np.zeros(len(scale))
    loss, slope, curve = log_likelihood(weights, scaled, ridge)
    for _ in range(rounds):
        step = np.linalg.solve(curve, slope)
        size = 1.0
        new = log_likelihood(weights - step, scaled, ridge)
        while new[0] > loss and size > 1e-4:
            size /= 2
            new = log_likelihood(weights - size * step, scaled, ridge)
        if new[0] > loss:
            break
        weights = weights - size * step
        gain = loss - new[0]
        loss, slope, curve = new
        if gain < 1e-7:
            break
    return np.asarray(weights / scale)
