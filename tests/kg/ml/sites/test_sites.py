"""Site recommendation: the protocol by hand, features without leakage, contributions that sum, clear errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kg.ml.errors import ModelFileError, NotFitted, SchemaMismatch, UnknownName, UnusableData
from kg.ml.links.model_file import write_arrays
from kg.ml.sites.city import City, Outlets, Split, read_opensiterec, split_city
from kg.ml.sites.features import Base, candidates, feature_table
from kg.ml.sites.metrics import masked, site_score
from kg.ml.sites.rerank import RankerSettings, SiteRanker, brand_folds
from kg.ml.sites.trees import Trees
from kg.ml.threads import one_thread

QUICK = RankerSettings(candidates=20, pseudo_splits=1, folds=2, rounds=15, least=20)


def small_city(name: str = "Town", *, seed: int = 0) -> City:
    """60 regions in 3 districts on a line; 30 brands keep to one district each and 5 brands only give context."""
    rng = np.random.default_rng(seed)
    brand, region = [], []
    for b in range(35):
        district, size = b % 3, 10 if b < 30 else 2
        brand += [b] * size
        # The same few regions of a district are popular with every brand.
        region += (district * 20 + np.minimum(rng.geometric(0.15, size) - 1, 19)).tolist()
    regions = np.array(region)
    outlets = Outlets(
        np.array(brand),
        regions,
        np.column_stack([np.array(brand) % 3] * 3),
        regions // 20,
        31.0 + 0.01 * regions + 1e-4 * rng.random(len(regions)),
        121.0 + 1e-4 * rng.random(len(regions)),
    )
    nearby = np.column_stack([np.arange(59), np.arange(1, 60)])
    return City(
        name,
        tuple(f"brand {i}" for i in range(35)),
        tuple(f"region {i}" for i in range(60)),
        30,
        (3, 3, 3),
        3,
        outlets,
        nearby,
    )


@pytest.fixture(scope="module")
def split() -> Split:
    return split_city(small_city())


@pytest.fixture(scope="module")
def ranker(split: Split) -> SiteRanker:
    return SiteRanker(QUICK, schema_hash="s1").fit([split.city])


def test_recall_and_ndcg_by_hand() -> None:
    ranked = [np.array([5, 7, 1, 2]), np.array([0, 1]), np.array([9])]
    truth = [np.array([7, 7, 2]), np.array([0, 3]), np.array([], dtype=np.int64)]
    got = site_score(ranked, truth, k=3)
    # Brand 0: one distinct hit of three held out; the second place is worth 1/log2(3), the ideal is three ones.
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert got.recall == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert got.ndcg == pytest.approx((1 / np.log2(3) / ideal + 1 / (1 + 1 / np.log2(3))) / 2)
    assert got.brands == 2
    assert [m.tolist() for m in masked(ranked[:1], [np.array([5, 1])])] == [[7, 2]]
    with pytest.raises(UnusableData, match="No brand has a held-out region"):
        site_score(ranked[2:], truth[2:])


def test_the_split_is_the_benchmarks_own(split: Split) -> None:
    from sklearn.model_selection import train_test_split

    city = small_city()
    for brand in (0, 7, 29):
        rows = np.flatnonzero(city.outlets.brand == brand)
        _, held = train_test_split(rows, test_size=0.2, random_state=42)
        assert split.held_out[brand].tolist() == city.outlets.region[held].tolist()
    assert len(split.held_out) == 30
    assert len(split.city.outlets) + sum(map(len, split.held_out)) == len(city.outlets)


def test_features_and_candidates_see_only_the_known_outlets(split: Split) -> None:
    """Where the held-out outlets really are makes no difference: the whole table comes out bit for bit the same."""
    city = small_city()
    held = np.ones(len(city.outlets), dtype=bool)
    known = {tuple(row) for row in np.column_stack([split.city.outlets.lat, split.city.outlets.lon]).tolist()}
    for i, place in enumerate(np.column_stack([city.outlets.lat, city.outlets.lon]).tolist()):
        held[i] = tuple(place) not in known
    moved = replace(city.outlets, region=np.where(held, 59 - city.outlets.region, city.outlets.region))
    again = split_city(city.with_outlets(moved))
    assert any(a.tolist() != b.tolist() for a, b in zip(split.held_out, again.held_out, strict=True))
    one, other = feature_table(split.city, most=20), feature_table(again.city, most=20)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.regions, other.regions)
    assert np.all(np.isfinite(one.values))


def test_the_ranker_finds_held_out_regions_better_than_popularity(split: Split, ranker: SiteRanker) -> None:
    ranking = ranker.rank(split.city)
    popular = np.argsort(-np.bincount(split.city.outlets.region, minlength=60), kind="stable")
    ours = site_score(list(ranking.regions), split.held_out, k=5)
    assert ours.recall > site_score([popular] * 30, split.held_out, k=5).recall + 0.1
    assert np.all(np.diff(ranking.scores, axis=1) <= 0)


def test_contributions_have_names_and_sum_to_the_score(split: Split, ranker: SiteRanker) -> None:
    ranking = ranker.rank(split.city)
    for brand in (0, 11, 29):
        reasons = ranker.explain(split.city, brand, first=4)
        np.testing.assert_allclose([r.score for r in reasons], ranking.scores[brand, :4])
        for reason in reasons:
            assert set(reason.contributions) <= set(ranker.names)
            assert reason.constant + sum(reason.contributions.values()) == pytest.approx(reason.score)


def test_trees_score_as_the_library_that_grew_them() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 4)).astype(np.float32)
    with one_thread():
        model = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=7).fit(rows, rows[:, 0] * rows[:, 1] > 0)
    trees = Trees.of(model)
    np.testing.assert_allclose(trees.score(rows), model.decision_function(rows))
    constant, parts = trees.contributions(rows)
    np.testing.assert_allclose(constant + parts.sum(axis=1), trees.score(rows))
    # A feature that says nothing gets nothing on average; one that decides gets much.
    assert np.abs(parts[:, 3]).mean() < np.abs(parts[:, 0]).mean() / 3


def test_a_brand_is_in_one_fold_everywhere() -> None:
    one, other = small_city("A"), small_city("B", seed=5)
    assert brand_folds(one, 5).tolist() == brand_folds(other, 5).tolist()
    assert len(set(brand_folds(one, 5).tolist())) > 1


def test_saved_and_loaded_it_ranks_the_same(split: Split, ranker: SiteRanker, tmp_path: Path) -> None:
    ranker.save(tmp_path / "ranker.jw")
    again = SiteRanker.load(tmp_path / "ranker.jw", schema_hash="s1")
    np.testing.assert_array_equal(again.rank(split.city).scores, ranker.rank(split.city).scores)
    with pytest.raises(SchemaMismatch):
        SiteRanker.load(tmp_path / "ranker.jw", schema_hash="s2")
    (tmp_path / "cut.jw").write_bytes((tmp_path / "ranker.jw").read_bytes()[:1000])
    with pytest.raises(ModelFileError, match="cannot be read"):
        SiteRanker.load(tmp_path / "cut.jw", schema_hash="s1")
    write_arrays(tmp_path / "other.jw", {"kind": "rules"}, {})
    with pytest.raises(ModelFileError, match="no site ranker"):
        SiteRanker.load(tmp_path / "other.jw")


def test_the_same_seed_gives_the_same_ranking(split: Split, ranker: SiteRanker) -> None:
    again = SiteRanker(QUICK).fit([split.city])
    np.testing.assert_array_equal(again.rank(split.city).scores, ranker.rank(split.city).scores)


def test_bad_input_is_named(split: Split, ranker: SiteRanker) -> None:
    city = split.city
    with pytest.raises(UnknownName, match="no such brand"):
        city.brand("nobody")
    with pytest.raises(UnknownName, match="no such brand"):
        city.brand("brand 33")
    assert city.brand("brand 3") == 3
    with pytest.raises(NotFitted, match="no trees for this city"):
        SiteRanker().rank(city)
    with pytest.raises(UnusableData, match=r"place is not a number.*outlet 2"):
        city.with_outlets(
            replace(city.outlets, lat=np.where(np.arange(len(city.outlets)) == 2, np.nan, city.outlets.lat))
        )
    with pytest.raises(UnusableData, match="not a finite number"):
        ranker.trees["Town/0"].score(np.full((1, len(ranker.names)), np.nan, dtype=np.float32))
    with pytest.raises(UnusableData, match="one class"):
        SiteRanker(QUICK).fit([only_one_region()])
    with pytest.raises(UnusableData, match="leaves a brand nothing"):
        split_city(city, share=0.99)


def only_one_region() -> City:
    """Every outlet in the one region there is: each candidate is a positive."""
    city = small_city()
    nowhere = replace(city.outlets, region=np.zeros(len(city.outlets), dtype=np.int64))
    return replace(city, outlets=nowhere, regions=("only",), nearby=np.empty((0, 2), dtype=np.int64))


def test_candidates_are_distinct_regions_of_the_city(split: Split) -> None:
    found = candidates(Base.of(split.city), 200)
    assert found.shape == (30, 60)
    assert all(len(set(row.tolist())) == 60 for row in found)


def test_opensiterec_is_read_as_the_benchmark_reads_it(benchmark_data: Path) -> None:
    """And the collaborative candidates alone beat popularity there: the reduced run of the real table."""
    city = read_opensiterec(benchmark_data / "opensiterec" / "Chicago")
    assert (city.n_ranked, city.n_regions, len(city.brands), len(city.outlets)) == (206, 801, 969, 8_044)
    split = split_city(city)
    assert sum(map(len, split.held_out)) + int(np.sum(split.city.outlets.brand < 206)) == 6_262
    near = site_score(list(candidates(Base.of(split.city), 20)), split.held_out)
    popular = np.argsort(-np.bincount(split.city.outlets.region, minlength=801), kind="stable")
    assert near.recall > site_score([popular] * 206, split.held_out).recall + 0.03
