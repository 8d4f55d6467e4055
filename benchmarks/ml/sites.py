"""OpenSiteRec by its own protocol: the learned ranker, and popularity, random and neighbours beside it."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from kg.ml.sites.city import City, Split, read_opensiterec, split_city
from kg.ml.sites.features import Base, candidates
from kg.ml.sites.metrics import masked, site_score
from kg.ml.sites.rerank import RankerSettings, SiteRanker

CITIES = ("Chicago", "NYC", "Singapore", "Tokyo")
# Measured with the benchmark's own code and protocol: Recall@20 and nDCG@20.
LIGHTGCN = {
    "Chicago": (0.2772, 0.1875),
    "NYC": (0.1998, 0.1067),
    "Singapore": (0.5001, 0.2793),
    "Tokyo": (0.1700, 0.1059),
}


# One pseudo-split of the smallest city, with the settings otherwise as they are.
SMALL_CITIES = ("Chicago",)


def run(data: Path, out: Path, seeds: int, *, small: bool = False) -> dict[str, Any]:
    cities = SMALL_CITIES if small else CITIES
    splits = {name: split_city(read_opensiterec(data / "opensiterec" / name)) for name in cities}
    result: dict[str, Any] = {"lightgcn": LIGHTGCN, "baselines": _baselines(splits), "seeds": []}
    for seed in range(seeds):
        begun = time.perf_counter()
        settings = RankerSettings(seed=seed)
        ranker = SiteRanker(settings).fit(
            [split.city for split in splits.values()], lambda text: print(text, flush=True)
        )
        trained = time.perf_counter() - begun
        rankings = {name: list(ranker.rank(split.city).regions) for name, split in splits.items()}
        entry = {"seed": seed, "train_seconds": trained, "all_seconds": time.perf_counter() - begun}
        entry |= _scores(splits, rankings)
        print(json.dumps(entry), flush=True)
        result["seeds"].append(entry)
        if seed == 0:
            named = {
                name: {
                    split.city.brands[brand]: [int(region) for region in places[:20]]
                    for brand, places in enumerate(rankings[name])
                }
                for name, split in splits.items()
            }
            (out / "opensiterec.json").write_text(json.dumps(named, ensure_ascii=False), encoding="utf-8")
            result["example"] = _example(ranker, splits["Chicago" if small else "Singapore"].city)
    for key in ("recall", "ndcg"):
        values = [entry["average"][key] for entry in result["seeds"]]
        result[f"average_{key}"] = {"mean": float(np.mean(values)), "std": float(np.std(values))}
    return result


def _scores(splits: dict[str, Split], rankings: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    out: dict[str, Any] = {"cities": {}, "masked": {}}
    for name, split in splits.items():
        score = site_score(rankings[name], split.held_out)
        out["cities"][name] = {"recall": score.recall, "ndcg": score.ndcg, "brands": score.brands}
        have = [np.unique(split.city.outlets.region[split.city.outlets.brand == b]) for b in range(split.city.n_ranked)]
        # Under the mask a held-out region where the brand already is cannot be found; it stays in the truth.
        score = site_score(masked(rankings[name], have), split.held_out)
        out["masked"][name] = {"recall": score.recall, "ndcg": score.ndcg}
    for key, group in (("average", "cities"), ("masked_average", "masked")):
        out[key] = {m: float(np.mean([city[m] for city in out[group].values()])) for m in ("recall", "ndcg")}
    return out


def _baselines(splits: dict[str, Split]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    rankings: dict[str, dict[str, list[np.ndarray]]] = {"random": {}, "popularity": {}, "degree": {}, "neighbours": {}}
    for name, split in splits.items():
        city = split.city
        base = Base.of(city)
        n = city.n_ranked
        rankings["random"][name] = [rng.permutation(city.n_regions)[:120] for _ in range(n)]
        outlets = np.argsort(-base.counts[:n].sum(axis=0), kind="stable")[:120]
        rankings["popularity"][name] = [outlets] * n
        brands = np.argsort(-base.known.sum(axis=0), kind="stable")[:120]
        rankings["degree"][name] = [brands] * n
        rankings["neighbours"][name] = list(candidates(base, 120))
    return {kind: _scores(splits, ranked) for kind, ranked in rankings.items()}


def _example(ranker: SiteRanker, city: City) -> dict[str, Any]:
    best = ranker.explain(city, 0, first=1)[0]
    return {
        "city": city.name,
        "brand": city.brands[0],
        "region": city.regions[best.region],
        "score": best.score,
        "constant": best.constant,
        "contributions": dict(list(best.contributions.items())[:8]),
    }
