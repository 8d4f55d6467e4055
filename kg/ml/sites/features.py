"""Named features of (brand, region) pairs, all computed from the known outlets alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kg.ml.sites import collaborative, spatial
from kg.ml.sites.city import City, Ints, Reals

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Base:
    """What several features start from. ``known`` has ranked brands first, then those that only give context."""

    city: City
    counts: Reals
    known: Reals
    away: Matrix
    centres: Reals
    around: Matrix

    @classmethod
    def of(cls, city: City) -> "Base":
        counts = np.zeros((len(city.brands), city.n_regions))
        np.add.at(counts, (city.outlets.brand, city.outlets.region), 1.0)
        centres = spatial.region_centres(city)
        away = spatial.distances_km(centres)
        return cls(city, counts, (counts > 0).astype(np.float64), away, centres, spatial.kernel(away, 1.0))

    @property
    def ranked(self) -> int:
        return self.city.n_ranked


def brand_categories(city: City) -> Ints:
    """The commonest category of each brand at each of the three levels, (brands, 3); -1 for a brand without outlets."""
    out = np.full((len(city.brands), 3), -1, dtype=np.int64)
    for level in range(3):
        table = np.zeros((len(city.brands), city.n_categories[level]))
        np.add.at(table, (city.outlets.brand, city.outlets.categories[:, level]), 1.0)
        seen = table.sum(axis=1) > 0
        out[seen, level] = table[seen].argmax(axis=1)
    return out


def candidates(base: Base, most: int) -> Ints:
    """The ``most`` best regions of each ranked brand by its neighbours, popularity breaking ties, (brands, most)."""
    score = collaborative.brand_neighbours(base.known, base.ranked)
    popular = base.known.sum(axis=0)
    score = score + np.float32(1e-3 / max(popular.max(), 1.0)) * popular.astype(np.float32)
    most = min(most, base.city.n_regions)
    return np.argsort(-score, axis=1, kind="stable")[:, :most]


def feature_matrices(base: Base) -> Iterator[tuple[str, Matrix]]:
    """(name, float32 (ranked brands, regions)) one after the other, so that only one is in memory at a time."""
    yield from _collaborative(base)
    yield from _popularity(base)
    yield from _categories(base)
    yield from _places(base)


def _collaborative(base: Base) -> Iterator[tuple[str, Matrix]]:
    known, n = base.known, base.ranked
    yield "similar brands", collaborative.brand_neighbours(known, n)
    yield "similar brands, wide", collaborative.brand_neighbours(known, n, beta=0.8)
    yield "similar brands, sharp", collaborative.brand_neighbours(known, n, power=2.0)
    yield "similar regions", collaborative.region_neighbours(known)[:n]
    yield "co-occurrence regression", collaborative.linear_autoencoder(known, 300.0)[:n]
    basis = collaborative.region_basis(known, 64)
    yield "graph filter 16", collaborative.spectral(known, 16, vectors=basis)[:n]
    yield "graph filter 64", collaborative.spectral(known, 64, vectors=basis)[:n]
    yield "factorisation 16", collaborative.alternating_least_squares(known, rank=16, ridge=5.0, confidence=10.0)[:n]
    # Similar brands one step out: what suits the surroundings of a region.
    near = base.around / np.maximum(base.around.sum(axis=1, keepdims=True), 1e-6)
    yield "similar brands, around", (collaborative.brand_neighbours(known, n) @ near.T).astype(np.float32)


def _popularity(base: Base) -> Iterator[tuple[str, Matrix]]:
    n, counts = base.ranked, base.counts
    others = counts.sum(axis=0)[None, :] - counts[:n]
    yield "outlets here", np.log1p(others).astype(np.float32)
    brands = base.known.sum(axis=0)[None, :] - base.known[:n]
    yield "brands here", np.log1p(brands).astype(np.float32)
    ranked = base.known[:n].sum(axis=0)[None, :] - base.known[:n]
    yield "chains here", np.log1p(ranked).astype(np.float32)
    around = (counts.sum(axis=0) @ base.around)[None, :]
    yield "outlets around", _rows(np.log1p(around), n)
    size = counts[:n].sum(axis=1, keepdims=True)
    yield "brand's outlets", _columns(np.log1p(size), base.city.n_regions)
    yield (
        "brand's clustering",
        _columns(size / np.maximum(base.known[:n].sum(axis=1, keepdims=True), 1.0), base.city.n_regions),
    )
    yield "already here", counts[:n].astype(np.float32)


def _categories(base: Base) -> Iterator[tuple[str, Matrix]]:
    city, n = base.city, base.ranked
    of_brand = brand_categories(city)
    total = np.maximum(base.counts.sum(axis=0), 1.0)
    for level, label in enumerate(("sector", "trade", "kind")):
        table = np.zeros((city.n_categories[level], city.n_regions))
        np.add.at(table, (city.outlets.categories[:, level], city.outlets.region), 1.0)
        own = np.maximum(table[of_brand[:n, level]] - base.counts[:n], 0.0)
        yield f"same {label} here", np.log1p(own).astype(np.float32)
        yield f"share of same {label}", (own / total).astype(np.float32)
        if level > 0:
            yield f"same {label} around", np.log1p(own @ base.around).astype(np.float32)
        # Brands of the same category agree where to be: their regions, each brand one vote.
        same = (of_brand[:n, level][:, None] == of_brand[None, :, level]).astype(np.float64)
        same[np.arange(n), np.arange(n)] = 0.0
        peers = same / np.maximum(same.sum(axis=1, keepdims=True), 1.0)
        if level > 0:
            yield f"peers of the {label}", (peers @ base.known).astype(np.float32)
    mixes = np.zeros((city.n_categories[1], city.n_regions))
    np.add.at(mixes, (city.outlets.categories[:, 1], city.outlets.region), 1.0)
    yield "mix of trades", _mix_likeness(base, mixes)
    yield "sector", _columns(of_brand[:n, :1].astype(np.float64), city.n_regions)


def _mix_likeness(base: Base, mixes: Reals) -> Matrix:
    """Cosine of a region's mix of trades with the mean mix of the brand's other regions."""
    unit = np.log1p(mixes)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=0, keepdims=True), 1e-9)
    known = base.known[: base.ranked]
    alike = unit.T @ unit
    np.fill_diagonal(alike, 0.0)
    others = np.maximum(known.sum(axis=1, keepdims=True) - known, 1.0)
    return np.asarray((known @ alike) / others, dtype=np.float32)


def _places(base: Base) -> Iterator[tuple[str, Matrix]]:
    city, n = base.city, base.ranked
    counts, known = base.counts[:n], base.known[:n]
    for width in (0.7, 2.0, 6.0):
        yield f"own outlets within {width:g} km", (counts @ spatial.kernel(base.away, width)).astype(np.float32)
    yield "nearest own outlet, km", _nearest(known, base.away)
    yield "brand's spread, km", _columns(spatial.brand_spread_km(known, base.away)[:, None], city.n_regions)
    centre = known @ np.nan_to_num(base.centres) / np.maximum(known.sum(axis=1, keepdims=True), 1.0)
    offset = np.nan_to_num(base.centres)[None] - centre[:, None]
    scale = np.array([111.0, 111.0 * np.cos(np.radians(np.nanmean(base.centres[:, 0])))])
    yield "from brand's centre, km", np.linalg.norm(offset * scale, axis=2).astype(np.float32)
    area = spatial.area_of_regions(city)
    member = np.zeros((city.n_areas + 1, city.n_regions))
    member[area, np.arange(city.n_regions)] = 1.0
    member[-1] = 0.0
    mine = counts @ member.T
    yield "own outlets in the area", np.maximum(mine @ member - counts, 0.0).astype(np.float32)
    everyone = member @ base.counts.sum(axis=0)
    yield "outlets in the area", _rows(np.log1p(everyone @ member)[None, :], n)


def _nearest(known: Reals, away: Matrix) -> Matrix:
    """Distance to the brand's nearest other region, km; 99 where there is none."""
    other = away.copy()
    np.fill_diagonal(other, np.inf)
    out = np.full(known.shape, 99.0, dtype=np.float32)
    for brand in range(len(known)):
        rows = np.flatnonzero(known[brand])
        if len(rows):
            out[brand] = np.minimum(other[rows].min(axis=0), 99.0)
    return out


def _rows(values: Reals, n: int) -> Matrix:
    return np.broadcast_to(values.astype(np.float32), (n, values.shape[1]))


def _columns(values: Reals, n: int) -> Matrix:
    return np.broadcast_to(values.astype(np.float32), (values.shape[0], n))


@dataclass(frozen=True, slots=True)
class Table:
    """Features of candidate pairs: ``values`` float32 (brands * most, features), rows brand by brand, best first."""

    names: tuple[str, ...]
    values: Matrix
    regions: Ints

    @property
    def most(self) -> int:
        return int(self.regions.shape[1])


# Within one brand's candidates these are also given as a rank from 0 (best) to 1.
_RANKED = frozenset(
    {
        "similar brands",
        "similar brands, wide",
        "graph filter 16",
        "graph filter 64",
        "co-occurrence regression",
        "factorisation 16",
        "outlets here",
        "peers of the kind",
        "peers of the trade",
        "own outlets within 2 km",
        "similar brands, around",
        "mix of trades",
    }
)


def feature_table(city: City, *, most: int = 120) -> Table:
    """The candidates of every ranked brand with their features. Memory: about 20 brand x region matrices."""
    base = Base.of(city)
    regions = candidates(base, most)
    names, columns = [], []
    for name, matrix in feature_matrices(base):
        picked = np.take_along_axis(matrix, regions, axis=1)
        names.append(name)
        columns.append(picked.ravel())
        if name in _RANKED:
            order = np.argsort(np.argsort(-picked, axis=1, kind="stable"), axis=1, kind="stable")
            names.append(f"{name} (rank)")
            columns.append((order / max(regions.shape[1] - 1, 1)).astype(np.float32).ravel())
    return Table(tuple(names), np.column_stack(columns), regions)
