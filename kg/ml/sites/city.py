"""Points of interest of one city: brands, regions, categories, places. Only what features may see."""

import ast
import csv
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnknownName, UnusableData

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outlets:
    """One row an outlet (a point of interest of a brand). Columns of length n.

    ``brand`` and ``region`` are indices; ``categories`` int64 (n, 3), coarse to fine; ``area`` the business area (-1:
    unknown); ``lat``, ``lon`` degrees WGS 84.
    """

    brand: Ints
    region: Ints
    categories: Ints
    area: Ints
    lat: Reals
    lon: Reals

    def __len__(self) -> int:
        return len(self.brand)

    def take(self, rows: Ints) -> "Outlets":
        return Outlets(
            self.brand[rows], self.region[rows], self.categories[rows], self.area[rows], self.lat[rows], self.lon[rows]
        )


@dataclass(frozen=True, slots=True)
class City:
    """A city's names and the outlets that are known.

    Brands 0 .. ``n_ranked`` - 1 are those that get recommendations; the others (too few outlets) only give context.
    ``nearby``: int64 (m, 2), pairs of neighbouring regions.
    """

    name: str
    brands: tuple[str, ...]
    regions: tuple[str, ...]
    n_ranked: int
    n_categories: tuple[int, int, int]
    n_areas: int
    outlets: Outlets
    nearby: Ints

    def __post_init__(self) -> None:
        if not np.all(np.isfinite(self.outlets.lat)) or not np.all(np.isfinite(self.outlets.lon)):
            row = int(np.flatnonzero(~(np.isfinite(self.outlets.lat) & np.isfinite(self.outlets.lon)))[0])
            raise UnusableData(
                "An outlet's place is not a number",
                where=f"{self.name}, outlet {row}",
                field="lat/lon",
                remedy="Leave the outlet out, or give it its region's centre.",
            )

    @property
    def n_regions(self) -> int:
        return len(self.regions)

    def with_outlets(self, outlets: Outlets) -> "City":
        return replace(self, outlets=outlets)

    def brand(self, name: str) -> int:
        """Index of a brand that can be ranked. Raises UnknownName."""
        try:
            found = self.brands.index(name)
        except ValueError:
            found = -1
        if not 0 <= found < self.n_ranked:
            raise UnknownName(
                "There is no such brand with enough outlets",
                where=self.name,
                field="brand",
                value=name,
                remedy=f"{self.n_ranked} brands can be ranked, such as {', '.join(self.brands[:3])}.",
            )
        return found


def read_opensiterec(folder: Path, *, least: int = 5) -> City:
    """A city of OpenSiteRec from its CSV files; brands with at least ``least`` outlets are ranked.

    Brands are numbered in order of first appearance among the ranked rows, regions by ``Region_ID``. The columns
    ``Related`` and ``Similar`` are not read.
    """
    name = folder.name
    with (folder / f"{name}_KG_plus.csv").open(encoding="utf-8", newline="") as lines:
        table = list(csv.DictReader(lines))
    if not table:
        raise UnusableData("There is no outlet", where=name, remedy="Check the file.")
    count = Counter(row["Brand"] for row in table)
    ranked = list(dict.fromkeys(row["Brand"] for row in table if count[row["Brand"]] >= least))
    context = list(dict.fromkeys(row["Brand"] for row in table if count[row["Brand"]] < least))
    of_brand = {brand: index for index, brand in enumerate(ranked + context)}
    with (folder / f"{name}_regions.csv").open(encoding="utf-8", newline="") as lines:
        region_rows = list(csv.DictReader(lines))
    n_regions = max(len(region_rows), 1 + max(int(row["Region_ID"]) for row in table))
    names = [_plain(row["Region"]) for row in region_rows] + [""] * (n_regions - len(region_rows))
    levels = [{c: i for i, c in enumerate(dict.fromkeys(row[f"cate_{k}"] for row in table))} for k in (1, 2, 3)]
    areas = {a: i for i, a in enumerate(dict.fromkeys(row.get("BA_ID") or row.get("District") or "" for row in table))}
    areas.pop("", None)
    outlets = Outlets(
        np.array([of_brand[row["Brand"]] for row in table]),
        np.array([int(row["Region_ID"]) for row in table]),
        np.array([[levels[k][row[f"cate_{k + 1}"]] for k in range(3)] for row in table]),
        np.array([areas.get(row.get("BA_ID") or row.get("District") or "", -1) for row in table]),
        np.array([float(row["Latitude"]) for row in table]),
        np.array([float(row["Longitude"]) for row in table]),
    )
    return City(
        name,
        tuple(of_brand),
        tuple(names),
        len(ranked),
        (len(levels[0]), len(levels[1]), len(levels[2])),
        1 + max(areas.values()),
        outlets,
        _nearby(region_rows),
    )


def _plain(name: str) -> str:
    return name.removesuffix(".0")


def _nearby(rows: list[dict[str, str]]) -> Ints:
    """Pairs of regions; a name that several regions carry is left out, since it does not say which is meant."""
    count = Counter(_plain(row["Region"]) for row in rows)
    index = {_plain(row["Region"]): i for i, row in enumerate(rows) if count[_plain(row["Region"])] == 1}
    pairs = {
        (min(i, index[other]), max(i, index[other]))
        for i, row in enumerate(rows)
        for other in map(_plain, ast.literal_eval(row["Nearby"] or "[]"))
        if other in index and index[other] != i
    }
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Split:
    """A city that knows only part of the outlets, and for each ranked brand the regions held out (repeats kept)."""

    city: City
    held_out: tuple[Ints, ...]


def split_city(city: City, *, seed: int = 42, share: float = 0.2) -> Split:
    """Hold out ``share`` of each ranked brand's outlets, as OpenSiteRec does: brand by brand in order of first
    appearance, scikit-learn's ``train_test_split(test_size=share, random_state=seed)`` over row positions.

    A brand with a single outlet left keeps it. Context outlets stay known. Raises UnusableData if a brand would lose
    all it has.
    """
    from sklearn.model_selection import train_test_split

    keep = [np.flatnonzero(city.outlets.brand >= city.n_ranked)]
    held = []
    order = np.argsort(city.outlets.brand, kind="stable")
    bounds = np.searchsorted(city.outlets.brand[order], np.arange(city.n_ranked + 1))
    for brand in range(city.n_ranked):
        rows = order[bounds[brand] : bounds[brand + 1]]
        if len(rows) < 2:
            keep.append(rows)
            held.append(np.empty(0, dtype=np.int64))
            continue
        if math.ceil(share * len(rows)) >= len(rows):
            raise UnusableData(
                "Holding out so much leaves a brand nothing",
                where=f"{city.name}, {city.brands[brand]}",
                field="share",
                value=share,
                remedy="Hold out a smaller share.",
            )
        known, out = train_test_split(rows, test_size=share, random_state=seed)
        keep.append(known)
        held.append(city.outlets.region[out])
    return Split(city.with_outlets(city.outlets.take(np.sort(np.concatenate(keep)))), tuple(held))
