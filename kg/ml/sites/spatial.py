"""Where regions are, and how outlets spread around them."""

import numpy as np
from numpy.typing import NDArray

from kg.ml.sites.city import City, Ints, Reals

EARTH_KM = 6371.0088


def region_centres(city: City) -> NDArray[np.float64]:
    """Mean latitude and longitude (degrees) of the known outlets of each region, shape (regions, 2).

    A region without outlets takes the mean of its neighbours' centres; without any, NaN.
    """
    outlets, n = city.outlets, city.n_regions
    count = np.bincount(outlets.region, minlength=n).astype(np.float64)
    centres = np.full((n, 2), np.nan)
    has = count > 0
    centres[has, 0] = np.bincount(outlets.region, outlets.lat, n)[has] / count[has]
    centres[has, 1] = np.bincount(outlets.region, outlets.lon, n)[has] / count[has]
    pairs = (
        np.concatenate([city.nearby, city.nearby[:, ::-1]]) if len(city.nearby) else np.empty((0, 2), dtype=np.int64)
    )
    for _ in range(3):
        missing = np.isnan(centres[:, 0])
        use = pairs[missing[pairs[:, 0]] & ~missing[pairs[:, 1]]] if len(pairs) else pairs
        if not len(use):
            break
        total = np.bincount(use[:, 0], minlength=n)
        for axis in (0, 1):
            mean = np.bincount(use[:, 0], centres[use[:, 1], axis], n)
            filled = missing & (total > 0)
            centres[filled, axis] = mean[filled] / total[filled]
    return centres


def distances_km(centres: NDArray[np.float64]) -> NDArray[np.float32]:
    """Great-circle distances between centres, (n, n); infinite where a centre is unknown."""
    lat, lon = np.radians(centres[:, 0]), np.radians(centres[:, 1])
    half = np.sin((lat[:, None] - lat[None, :]) / 2) ** 2
    half += np.cos(lat)[:, None] * np.cos(lat)[None, :] * np.sin((lon[:, None] - lon[None, :]) / 2) ** 2
    away = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    away[np.isnan(away)] = np.inf
    return np.asarray(away, dtype=np.float32)


def kernel(away_km: NDArray[np.float32], width_km: float) -> NDArray[np.float32]:
    """exp(-(d / width)^2) with an empty diagonal: what lies around a region, without the region itself."""
    out: NDArray[np.float32] = np.exp(-np.square(away_km / np.float32(width_km)))
    np.fill_diagonal(out, 0.0)
    return out


def area_of_regions(city: City) -> Ints:
    """The business area that most known outlets of a region name; -1 where none does."""
    named = city.outlets.area >= 0
    table = np.zeros((city.n_regions, city.n_areas + 1))
    np.add.at(table, (city.outlets.region[named], city.outlets.area[named]), 1.0)
    best = np.asarray(table.argmax(axis=1), dtype=np.int64)
    best[table.sum(axis=1) == 0] = -1
    return best


def brand_spread_km(known: Reals, away_km: NDArray[np.float32]) -> Reals:
    """Mean distance between a brand's regions, by brand; 0 for a single region."""
    finite = np.where(np.isfinite(away_km), away_km, 0.0)
    degree = known.sum(axis=1)
    total = np.einsum("br,br->b", known @ finite, known)
    return np.asarray(total / np.maximum(degree * (degree - 1), 1.0))
