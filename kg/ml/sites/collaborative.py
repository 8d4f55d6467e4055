"""Collaborative scores: brand x region matrices that say how the regions of similar brands suit a brand.

All take ``known``, float64 (brands, regions), 1 where an outlet is known, and return float32 (brands, regions).
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def normalised(known: NDArray[np.float64]) -> NDArray[np.float64]:
    """D_b^-1/2 X D_r^-1/2."""
    by_brand = np.sqrt(np.maximum(known.sum(axis=1, keepdims=True), 1.0))
    by_region = np.sqrt(np.maximum(known.sum(axis=0, keepdims=True), 1.0))
    return np.asarray(known / by_brand / by_region)


def region_neighbours(known: NDArray[np.float64]) -> Matrix:
    """Sum over a brand's regions of the cosine of regions by their brands; a region does not vote for itself."""
    unit = known / np.sqrt(np.maximum(known.sum(axis=0, keepdims=True), 1.0))
    alike = unit.T @ unit
    np.fill_diagonal(alike, 0.0)
    return np.asarray(known @ alike / np.maximum(known.sum(axis=1, keepdims=True), 1.0), dtype=np.float32)


def brand_neighbours(known: NDArray[np.float64], first: int, *, power: float = 1.0, beta: float = 0.5) -> Matrix:
    """Regions of brands whose sets of regions are alike, for the ``first`` brands; a brand does not vote for itself.

    ``beta`` is how much a brand's number of outlets is divided out (0.5: cosine).
    """
    degree = np.maximum(known.sum(axis=1), 1.0)
    alike = (known[:first] @ known.T) / np.power(degree[:first, None], beta) / np.power(degree[None, :], 1.0 - beta)
    np.fill_diagonal(alike, 0.0)
    if power != 1.0:
        alike = np.power(alike, power)
    weight = np.maximum(alike.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(alike @ known / weight, dtype=np.float32)


def spectral(known: NDArray[np.float64], rank: int, *, vectors: NDArray[np.float64] | None = None) -> Matrix:
    """Ideal low-pass filter of the brand-region graph (Shen et al., *How Powerful is Graph Convolution for
    Recommendation?*, CIKM 2021)."""
    by_region = np.sqrt(np.maximum(known.sum(axis=0, keepdims=True), 1.0))
    basis = region_basis(known, rank) if vectors is None else vectors[:, :rank]
    return np.asarray((known / by_region) @ basis @ basis.T * by_region, dtype=np.float32)


def region_basis(known: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """The leading right singular vectors of the normalised matrix, shape (regions, rank)."""
    from sklearn.utils.extmath import randomized_svd

    rank = min(rank, *known.shape)
    _, _, vectors = randomized_svd(normalised(known), rank, n_iter=4, random_state=0)
    return np.ascontiguousarray(vectors.T)


def linear_autoencoder(known: NDArray[np.float64], ridge: float) -> Matrix:
    """Regions from regions by ridge regression with an empty diagonal (Steck, *Embarrassingly Shallow Autoencoders*,
    WWW 2019)."""
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += ridge
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return np.asarray(known @ weights, dtype=np.float32)


def alternating_least_squares(
    known: NDArray[np.float64], *, rank: int, ridge: float, confidence: float, rounds: int = 8, seed: int = 0
) -> Matrix:
    """Implicit-feedback factorisation (Hu, Koren, Volinsky, ICDM 2008); known cells weigh 1 + ``confidence``."""
    rng = np.random.default_rng(seed)
    regions = rng.standard_normal((known.shape[1], rank)) * 0.1
    brands = np.zeros((known.shape[0], rank))
    for _ in range(rounds):
        brands = _solve(known, regions, ridge, confidence)
        regions = _solve(known.T, brands, ridge, confidence)
    return np.asarray(brands @ regions.T, dtype=np.float32)


def _solve(
    known: NDArray[np.float64], other: NDArray[np.float64], ridge: float, confidence: float
) -> NDArray[np.float64]:
    base = other.T @ other + ridge * np.eye(other.shape[1])
    out = np.zeros((known.shape[0], other.shape[1]))
    for row in range(len(out)):
        mine = other[known[row] > 0]
        if len(mine):
            out[row] = np.linalg.solve(base + confidence * mine.T @ mine, (1.0 + confidence) * mine.sum(axis=0))
    return out
