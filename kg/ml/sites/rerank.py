"""Re-ranking of collaborative candidates by boosted trees, trained on pseudo-splits of what is known.

The known outlets are split again; each feature is rebuilt from the reduced part, and the regions held out are the
positives among the same kind of candidates that will be ranked later. Brands are dealt into folds by name: a brand is
scored by trees that never saw it, in any city. Two sets of trees add up: one from all cities together, one per city.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError, NotFitted, SchemaMismatch, UnusableData
from kg.ml.links.model_file import read_arrays, write_arrays
from kg.ml.sites.city import City, Ints, split_city
from kg.ml.sites.features import Table, feature_table
from kg.ml.sites.trees import Trees, check_finite
from kg.ml.threads import one_thread

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """``candidates`` regions a brand; ``pseudo_splits`` re-splits of the known outlets; the rest is the boosting's."""

    candidates: int = 120
    pseudo_splits: int = 2
    share: float = 0.2
    folds: int = 5
    rounds: int = 80
    rate: float = 0.08
    leaves: int = 8
    least: int = 100
    ridge: float = 5.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Reasoned:
    """One recommended region: ``score`` = ``constant`` + the sum of ``contributions`` (log-odds, by feature name)."""

    region: int
    score: float
    constant: float
    contributions: dict[str, float]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Per ranked brand: ``regions`` int64 (brands, candidates), best first, and their ``scores``."""

    regions: Ints
    scores: NDArray[np.float64]


@dataclass(slots=True)
class SiteRanker:
    """Fit on cities, then rank the regions of each brand and say why."""

    settings: RankerSettings = field(default_factory=RankerSettings)
    schema_hash: str = ""
    names: tuple[str, ...] = ()
    trees: dict[str, Trees] = field(default_factory=dict)

    def fit(self, cities: Sequence[City], note: Note = lambda _: None) -> "SiteRanker":
        """Train. Raises UnusableData if there is no brand with two outlets or no held-out region among candidates."""
        settings = self.settings
        samples: list[_Sample] = []
        with one_thread():
            for city in cities:
                for number in range(settings.pseudo_splits):
                    split = split_city(city, seed=1_000 + 100 * settings.seed + number, share=settings.share)
                    table = feature_table(split.city, most=settings.candidates)
                    samples.append(_sample(city, table, split.held_out, settings.folds))
                    note(f"{city.name}: features of pseudo-split {number + 1}")
            self.names = samples[0].names
            for fold in range(settings.folds):
                groups = {"all": samples} | {city.name: [s for s in samples if s.city == city.name] for city in cities}
                if len(cities) == 1:
                    del groups["all"]
                for group, members in groups.items():
                    self.trees[f"{group}/{fold}"] = _grow(members, fold, settings)
                note(f"trees of fold {fold + 1}")
        return self

    def table(self, city: City) -> Table:
        """Candidates and features of a city as it is known; ``rank`` and ``explain`` take it."""
        return feature_table(city, most=self.settings.candidates)

    def rank(self, city: City, table: Table | None = None) -> Ranking:
        """Rank every brand's candidates. Raises NotFitted."""
        table = table or self.table(city)
        scores = np.empty(table.regions.shape)
        folds = brand_folds(city, self.settings.folds)
        for fold in range(self.settings.folds):
            brands = np.flatnonzero(folds == fold)
            rows = (brands[:, None] * table.most + np.arange(table.most)).ravel()
            total = sum(trees.score(table.values[rows]) for trees in self._of(city, fold))
            scores[brands] = np.reshape(total, (len(brands), table.most))
        order = np.argsort(-scores, axis=1, kind="stable")
        return Ranking(np.take_along_axis(table.regions, order, axis=1), np.take_along_axis(scores, order, axis=1))

    def explain(self, city: City, brand: int, *, first: int = 5, table: Table | None = None) -> list[Reasoned]:
        """The brand's ``first`` regions, each with its additive contributions, largest first."""
        table = table or self.table(city)
        rows = table.values[brand * table.most : (brand + 1) * table.most]
        fold = int(brand_folds(city, self.settings.folds)[brand])
        constant, parts = 0.0, np.zeros(rows.shape)
        for trees in self._of(city, fold):
            base, mine = trees.contributions(rows)
            constant, parts = constant + base, parts + mine
        scores = constant + parts.sum(axis=1)
        out = []
        for row in np.argsort(-scores, kind="stable")[:first]:
            by_size = np.argsort(-np.abs(parts[row]), kind="stable")
            named = {self.names[i]: float(parts[row, i]) for i in by_size if parts[row, i] != 0.0}
            out.append(Reasoned(int(table.regions[brand, row]), float(scores[row]), constant, named))
        return out

    def _of(self, city: City, fold: int) -> list[Trees]:
        found = [self.trees[f"{group}/{fold}"] for group in ("all", city.name) if f"{group}/{fold}" in self.trees]
        if not found:
            raise NotFitted(
                "The ranker has no trees for this city",
                where=city.name,
                remedy="Fit it with the city, or load its file.",
            )
        return found

    def save(self, path: Path) -> None:
        arrays = {f"{key}/{name}": value for key, trees in self.trees.items() for name, value in trees.arrays().items()}
        header = {
            "kind": "site-ranker",
            "settings": asdict(self.settings),
            "schema_hash": self.schema_hash,
            "names": self.names,
        }
        write_arrays(path, header, arrays)

    @classmethod
    def load(cls, path: Path, *, schema_hash: str = "") -> "SiteRanker":
        """Raises ModelFileError, SchemaMismatch."""
        header, arrays = read_arrays(path)
        if header.get("kind") != "site-ranker":
            raise ModelFileError(
                "The file holds no site ranker", where=str(path), field="kind", value=header.get("kind")
            )
        if header.get("schema_hash") != schema_hash:
            raise SchemaMismatch(
                "The ranker was trained under another schema",
                where=str(path),
                field="schema_hash",
                value=header.get("schema_hash"),
                remedy=f"The schema in force is '{schema_hash}': train again.",
            )
        groups: dict[str, dict[str, NDArray[Any]]] = {}
        for key, value in arrays.items():
            group, _, name = key.rpartition("/")
            groups.setdefault(group, {})[name] = value
        trees = {group: Trees.from_arrays(content) for group, content in groups.items()}
        return cls(RankerSettings(**header["settings"]), schema_hash, tuple(header["names"]), trees)


def brand_folds(city: City, folds: int) -> Ints:
    """The fold of each ranked brand, by its name alone: one brand is in one fold in every city."""
    return np.array(
        [int(hashlib.sha256(name.encode()).hexdigest(), 16) % folds for name in city.brands[: city.n_ranked]],
        dtype=np.int64,
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    city: str
    names: tuple[str, ...]
    values: NDArray[np.float32]
    labels: NDArray[np.float64]
    folds: Ints


def _sample(city: City, table: Table, held_out: Sequence[Ints], folds: int) -> _Sample:
    labels = np.concatenate([np.isin(places, held) for places, held in zip(table.regions, held_out, strict=True)])
    return _Sample(
        city.name, table.names, table.values, labels.astype(np.float64), np.repeat(brand_folds(city, folds), table.most)
    )


def _grow(samples: Sequence[_Sample], fold: int, settings: RankerSettings) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier

    use = [sample.folds != fold for sample in samples]
    values = np.concatenate([sample.values[rows] for sample, rows in zip(samples, use, strict=True)])
    labels = np.concatenate([sample.labels[rows] for sample, rows in zip(samples, use, strict=True)])
    check_finite(values)
    if len(np.unique(labels)) < 2:
        raise UnusableData(
            "There is only one class to learn from",
            where=samples[0].city,
            value=len(labels),
            remedy="The candidates hold no held-out region, or nothing else: give more outlets or more candidates.",
        )
    model = HistGradientBoostingClassifier(
        max_iter=settings.rounds,
        learning_rate=settings.rate,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.least,
        l2_regularization=settings.ridge,
        early_stopping=False,
        random_state=settings.seed,
    )
    return Trees.of(model.fit(values, labels))
