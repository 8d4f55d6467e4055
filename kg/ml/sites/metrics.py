"""Recall@k and binary nDCG@k as OpenSiteRec computes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kg.ml.errors import UnusableData
from kg.ml.sites.city import Ints


@dataclass(frozen=True, slots=True)
class SiteScore:
    """Means over the brands that have held-out regions."""

    recall: float
    ndcg: float
    brands: int


def site_score(ranked: Sequence[Ints], truth: Sequence[Ints], k: int = 20) -> SiteScore:
    """``ranked[b]``: regions best first, each once; ``truth[b]``: held-out regions, repeats kept.

    Recall = ranked regions within k that are in the truth / length of the truth. The ideal of nDCG has min(k, length)
    ones: so neither can always reach 1 where the truth repeats a region; that is the benchmark's own definition.
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    recalls, gains = [], []
    for places, held in zip(ranked, truth, strict=True):
        if not len(held):
            continue
        hits = np.isin(places[:k], held)
        recalls.append(hits.sum() / len(held))
        gains.append((hits * discount[: len(hits)]).sum() / discount[: min(k, len(held))].sum())
    if not recalls:
        raise UnusableData("No brand has a held-out region", remedy="Give brands at least two outlets.")
    return SiteScore(float(np.mean(recalls)), float(np.mean(gains)), len(recalls))


def masked(ranked: Sequence[Ints], known: Sequence[Ints]) -> list[Ints]:
    """The rankings without the regions where the brand already is."""
    return [places[~np.isin(places, have)] for places, have in zip(ranked, known, strict=True)]
