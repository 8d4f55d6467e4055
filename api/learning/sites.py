"""Site scores over a store: which places suit a kind of firm, by where firms of all kinds are known to be.

A *kind* (an industry) stands for the ranker's brand, a *place* (a building) for its region, and a firm at a place for
an outlet. What the ranker knows of a place is who is there and around; neither rent nor floor load nor vacancy.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from api.learning.models import Shelf, Trained, fits, version_of
from api.learning.reading import View, moment, pairs, rows, split_instant
from kg.errors import QueryError
from kg.ml.errors import ModelFileError, UnknownName, UnusableData
from kg.ml.sites.city import City, Outlets, split_city
from kg.ml.sites.features import Base
from kg.ml.sites.metrics import site_score
from kg.ml.sites.rerank import RankerSettings, Reasoned, SiteRanker
from kg.ml.sites.spatial import distances_km

if TYPE_CHECKING:
    from collections.abc import Callable

    from kg.store.base import Store

LEAST: Final = 5
"""Firms that a kind must have to be ranked; others give context."""
_AT: Final = 5
_NEAREST: Final = 3
_LIMITS: Final = (
    "It says where firms of a kind tend to be, as known at the split: the past, which a plan may want to change.",
    "It knows no rent, vacancy, floor load, fire class or permit: check those before.",
    "All firms of a kind get the same answer.",
    "Scores are log-odds of being among the held-out places; they compare places for one kind, not kinds.",
    "With a few hundred firms the figures are rough: read them beside the baselines, which may be as good.",
)


@dataclass(frozen=True, slots=True)
class SiteRecipe:
    """`place`: class of the places; `kind`: class of the kinds; `at`, `of`: relations of firms to them; `within`:
    relation of a place to the larger one around it, followed `up` times for the district."""

    name: str = "sites"
    level: int = 0
    classes: tuple[str, ...] | None = None
    place: str = "Building"
    kind: str = "Industry"
    at: str = "operatesAt"
    of: str = "belongsTo"
    within: str = "locatedIn"
    up: int = 2
    seed: int = 0

    def names(self) -> dict[str, str]:
        return {
            "place": self.place, "kind": self.kind, "at": self.at, "of": self.of, "within": self.within,
            "up": str(self.up),
        }  # fmt: skip

    @classmethod
    def of_trained(cls, trained: Trained) -> SiteRecipe:
        told = {**trained.places, "up": int(trained.places["up"])}
        return cls(trained.name, trained.level, trained.classes, **told, seed=trained.shares[2])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Ground:
    """The city in the ranker's numbers, and who is where. Brands and regions are named by entity id."""

    city: City
    firms: dict[tuple[str, str], tuple[str, ...]]  # (kind, place) → firms there
    kinds: dict[str, tuple[str, ...]]  # firm → its kinds

    def digest(self) -> str:
        outlets = self.city.outlets
        told = json.dumps([self.city.brands, self.city.regions, self.city.n_ranked])
        digest = hashlib.sha256(told.encode())
        for column in (outlets.brand, outlets.region, outlets.categories, outlets.area, outlets.lat, outlets.lon):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Sites:
    trained: Trained
    ranker: SiteRanker
    ground: Ground


@dataclass(frozen=True, slots=True)
class Site:
    """One place: `score` = `constant` + the sum of `contributions` (log-odds); `evidence`: firms of the kind there or
    at the nearest places."""

    place: str
    score: float
    constant: float
    contributions: dict[str, float]
    evidence: tuple[str, ...]


async def train(
    store: Store, shelf: Shelf, recipe: SiteRecipe, known_at: int | None, note: Callable[[str], None] = lambda _: None
) -> Trained:
    """Train on what was known at the instant (None: now) and keep the ranker. Raises UnusableData, QueryError."""
    view = View(await split_instant(store, known_at), recipe.level, recipe.classes)
    ground = await read_ground(store, view, recipe)
    arrays = shelf.make().paths(recipe.name)[0]

    def work() -> dict[str, float]:
        figures = held_out_figures(ground.city, recipe.seed, note)
        ranker = SiteRanker(settings_for(ground.city, recipe.seed), store.schema.hash).fit([ground.city], note)
        ranker.save(arrays)
        return figures

    figures = await asyncio.to_thread(work)
    trained = Trained(
        name=recipe.name,
        task="sites",
        kind="site-ranker",
        version=version_of(arrays),
        schema_hash=store.schema.hash,
        system=view.system,
        level=view.level,
        classes=view.classes,
        data=ground.digest(),
        shares=(0.0, 0.2, recipe.seed),
        places=recipe.names(),
        figures=figures,
    )
    shelf.put(trained, card(trained, ground))
    return trained


async def load(store: Store, shelf: Shelf, trained: Trained) -> Sites:
    """Raises SchemaMismatch, ModelFileError (also where the store gives another ground now)."""
    fits(trained, store.schema.hash)
    ground = await read_ground(store, trained.view, SiteRecipe.of_trained(trained))
    if ground.digest() != trained.data:
        raise ModelFileError(
            "The store no longer gives what the model learned from",
            where=f"model {trained.name}",
            remedy="Something was erased since, or the model belongs to another store. Train again.",
        )
    arrays = shelf.paths(trained.name)[0]
    ranker = await asyncio.to_thread(SiteRanker.load, arrays, schema_hash=trained.schema_hash)
    return Sites(trained, ranker, ground)


def settings_for(city: City, seed: int) -> RankerSettings:
    """The benchmark's settings with leaves that a few hundred rows can fill."""
    held = city.n_ranked * min(120, city.n_regions)
    return RankerSettings(pseudo_splits=4, folds=3, rounds=40, least=max(10, min(100, held // 20)), seed=seed)


def held_out_figures(city: City, seed: int, note: Callable[[str], None] = lambda _: None) -> dict[str, float]:
    """Recall@5 and nDCG@5 with a fifth of each kind's firms held out, beside popularity and chance."""
    parted = split_city(city)
    ranker = SiteRanker(settings_for(city, seed)).fit([parted.city], note)
    base = Base.of(parted.city)
    n = city.n_ranked
    popular = np.argsort(-base.counts.sum(axis=0), kind="stable")
    chance = np.random.default_rng(seed)
    rankings = {
        "": list(ranker.rank(parted.city).regions),
        " of popularity": [popular] * n,
        " of chance": [chance.permutation(city.n_regions) for _ in range(n)],
    }
    out = {"kinds ranked": float(n), "places": float(city.n_regions), "firms at places": float(len(city.outlets))}
    for label, ranking in rankings.items():
        judged = site_score(ranking, parted.held_out, k=_AT)
        out[f"test Recall@{_AT}{label}"] = judged.recall
        out[f"test nDCG@{_AT}{label}"] = judged.ndcg
    return out


def kind_of(sites: Sites, enterprise: str) -> str:
    """The kind of a firm that can be ranked. Raises UnknownName."""
    ranked = sites.ground.city.brands[: sites.ground.city.n_ranked]
    for kind in sites.ground.kinds.get(enterprise, ()):
        if kind in ranked:
            return kind
    raise UnknownName(
        "The firm is of no kind that can be ranked",
        field="enterprise",
        value=enterprise,
        remedy=f"A kind needs {LEAST} firms at places at the split. Ask with `kind`.",
    )


def answer(sites: Sites, kind: str) -> list[Site]:
    """All places for a kind, best first. Raises UnknownName."""
    city = sites.ground.city
    brand = city.brand(kind)
    centres = Base.of(city).centres
    away = distances_km(centres)
    return [_site(sites, kind, found, away) for found in sites.ranker.explain(city, brand, first=city.n_regions)]


def _site(sites: Sites, kind: str, found: Reasoned, away: Any) -> Site:
    names = sites.ground.city.regions
    near = np.argsort(away[found.region], kind="stable")[: _NEAREST + 1]
    firms: list[str] = []
    for region in (found.region, *(int(i) for i in near if int(i) != found.region)):
        firms += sites.ground.firms.get((kind, names[region]), ())
    return Site(names[found.region], found.score, found.constant, found.contributions, tuple(firms[:_AT]))


# ---------------------------------------------------------------- the ground


async def read_ground(store: Store, view: View, recipe: SiteRecipe) -> Ground:
    """Firms at places by kind, as known at the split. Raises QueryError for unknown names, UnusableData for too few."""
    for name, known in (
        (recipe.place, store.schema.classes), (recipe.kind, store.schema.classes),
        (recipe.at, store.schema.relations), (recipe.of, store.schema.relations),
        (recipe.within, store.schema.relations),
    ):  # fmt: skip
        if name not in known:
            raise QueryError("The ontology has no such name", value=name, remedy="See `jingwei ontology docs`.")
    places = await rows(store, view, recipe.place, ("geometry",))
    kinds = await rows(store, view, recipe.kind, ("code",))
    at = [(firm, place) for firm, place in await pairs(store, view, recipe.at) if place in places]
    of: dict[str, list[str]] = defaultdict(list)
    for firm, kind in await pairs(store, view, recipe.of):
        if kind in kinds:
            of[firm].append(kind)
    around = dict(reversed(await pairs(store, view, recipe.within)))
    centres = {key: _centre(row.get("geometry")) for key, row in places.items()}
    told = [(kind, place, firm) for firm, place in at for kind in of.get(firm, ()) if centres[place] is not None]
    return _ground(told, {k: str(row.get("code") or k) for k, row in kinds.items()}, centres, around, recipe.up, of)


def _centre(geometry: str | None) -> tuple[float, float] | None:
    """(latitude, longitude) of a GeoJSON text's centroid, EPSG:4326."""
    if geometry is None:
        return None
    point = shapely.from_geojson(geometry).centroid
    return float(point.y), float(point.x)


def _ground(
    told: list[tuple[str, str, str]],
    codes: dict[str, str],
    centres: dict[str, tuple[float, float] | None],
    around: dict[str, str],
    up: int,
    of: dict[str, list[str]],
) -> Ground:
    count = Counter(kind for kind, _, _ in told)
    ranked = sorted(kind for kind, firms in count.items() if firms >= LEAST)
    regions = sorted(place for place, centre in centres.items() if centre is not None)
    if len(ranked) < 2 or len(regions) < 2:
        raise UnusableData(
            "Too few firms are known to be at places",
            value=f"{len(told)} firms, {len(ranked)} kinds with {LEAST}, {len(regions)} places",
            remedy=f"It needs two kinds with {LEAST} firms each and two places with a geometry.",
        )
    brands = (*ranked, *sorted(kind for kind in count if kind not in set(ranked)))
    of_brand, of_region = ({name: i for i, name in enumerate(names)} for names in (brands, regions))
    levels = [sorted({codes[kind][:cut] for kind in brands}) for cut in (1, 3, 99)]
    districts = {place: _district(place, around, up) for place in regions}
    areas = {name: i for i, name in enumerate(sorted({d for d in districts.values() if d}))}
    told = sorted(told)
    where = np.array([centres[place] for _, place, _ in told], dtype=np.float64)
    outlets = Outlets(
        np.array([of_brand[kind] for kind, _, _ in told]),
        np.array([of_region[place] for _, place, _ in told]),
        np.array([[levels[i].index(codes[kind][:cut]) for i, cut in enumerate((1, 3, 99))] for kind, _, _ in told]),
        np.array([areas.get(districts[place], -1) for _, place, _ in told]),
        where[:, 0].copy(),
        where[:, 1].copy(),
    )
    city = City(
        "ground",
        brands,
        tuple(regions),
        len(ranked),
        (len(levels[0]), len(levels[1]), len(levels[2])),
        max(len(areas), 1),
        outlets,
        _neighbours([centres[place] or (0.0, 0.0) for place in regions]),
    )
    firms: dict[tuple[str, str], tuple[str, ...]] = {}
    for kind, place, firm in told:
        firms[kind, place] = (*firms.get((kind, place), ()), firm)
    return Ground(city, firms, {firm: tuple(sorted(kinds)) for firm, kinds in sorted(of.items())})


def _district(place: str, around: dict[str, str], up: int) -> str:
    for _ in range(up):
        place = around.get(place, "")
    return place


def _neighbours(centres: list[tuple[float, float]]) -> Any:
    """Pairs of each place and its nearest ones, int64 (m, 2)."""
    away = distances_km(np.array(centres))
    near = np.argsort(away, axis=1, kind="stable")[:, 1 : _NEAREST + 1]
    pairs_ = {(min(i, int(j)), max(i, int(j))) for i, row in enumerate(near) for j in row if int(j) != i}
    return np.array(sorted(pairs_), dtype=np.int64).reshape(-1, 2)


def card(trained: Trained, ground: Ground) -> str:
    """The model card, Markdown."""
    city = ground.city
    names = ", ".join(f"{key} {value}" for key, value in trained.places.items())
    seen = f"level {trained.level}" + (f", classes {', '.join(trained.classes)}" if trained.classes else "")
    return "\n".join(
        [
            f"# Model card: {trained.kind}",
            "",
            "| | |",
            "|---|---|",
            f"| Data | {len(city.outlets):,} firms at {city.n_regions:,} places, {city.n_ranked} kinds ranked |",
            f"| Names | {names} |",
            f"| Split (system clock) | {moment(trained.system).isoformat()} |",
            f"| Read as | {seen} |",
            f"| Schema | `{trained.schema_hash}` |",
            f"| Version | `{trained.version}` |",
            *(f"| {name} | {value:.4f} |" for name, value in trained.figures.items()),
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in _LIMITS),
            "",
        ]
    )
