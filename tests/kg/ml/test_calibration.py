"""Calibration: probabilities that mean what they say, and errors that name what was wrong."""

import numpy as np
import pytest

from kg.ml.calibration import calibrate, reliability
from kg.ml.errors import UnusableData


def cases(n: int, seed: int, *, curve: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n) * 3
    chance = 1 / (1 + np.exp(-(0.7 * scores - 1))) if curve == "logistic" else np.where(scores > 1, 0.9, 0.2)
    return scores, rng.random(n) < chance, chance


@pytest.mark.parametrize(("curve", "method"), [("logistic", "platt"), ("step", "isotonic")])
def test_the_method_that_valid_prefers_is_taken_and_is_calibrated_elsewhere(curve: str, method: str) -> None:
    scores, labels, _ = cases(4000, 0, curve=curve)
    fitted = calibrate(scores, labels)
    assert fitted.method == method
    new, truth, chance = cases(20_000, 1, curve=curve)
    judged = reliability(fitted(new), truth)
    assert judged.ece < 0.02
    assert reliability(1 / (1 + np.exp(-new)), truth).ece > 0.05
    assert np.mean(np.abs(fitted(new) - chance)) < 0.05


def test_weights_count_as_repetition_does() -> None:
    scores, labels, _ = cases(500, 2, curve="logistic")
    weights = np.where(np.arange(500) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(500), weights.astype(int))
    line = np.linspace(-5, 5, 50)
    repeated, weighed = calibrate(scores[twice], labels[twice]), calibrate(scores, labels, weights)
    assert repeated.method == weighed.method
    np.testing.assert_allclose(weighed(line), repeated(line), atol=1e-3)
    with pytest.raises(UnusableData, match="Weights"):
        calibrate(scores, labels, -weights)


def test_reliability_by_hand() -> None:
    judged = reliability(np.array([0.1, 0.9, 0.6, 0.2]), np.array([False, True, False, False]), bins=2)
    assert judged.prevalence == 0.25
    assert judged.brier == pytest.approx((0.01 + 0.01 + 0.36 + 0.04) / 4)
    assert judged.mean_probability.tolist() == pytest.approx([0.15, 0.75])
    assert judged.frequency.tolist() == [0.0, 0.5]
    assert judged.ece == pytest.approx((0.15 + 0.25) / 2)
    assert judged.count.tolist() == [2, 2]


def test_the_order_of_cases_with_one_probability_does_not_matter() -> None:
    labels = np.arange(3000) < 1500
    assert reliability(np.full(3000, 0.5), labels).ece < 0.05
    assert reliability(np.full(3000, 0.5), labels[::-1]).ece < 0.05


def test_bins_hold_equally_many() -> None:
    rng = np.random.default_rng(0)
    judged = reliability(rng.random(1000) ** 9, rng.random(1000) < 0.1)
    assert len(judged.count) == 15
    assert set(judged.count.tolist()) <= {66, 67}


def test_bad_input_is_named() -> None:
    some = np.array([0.1, 0.2, 0.3, 0.4])
    with pytest.raises(UnusableData, match="one class only"):
        calibrate(some, np.ones(4, dtype=bool))
    with pytest.raises(UnusableData, match="not a finite number"):
        calibrate(np.array([0.1, np.nan]), np.array([True, False]))
    with pytest.raises(UnusableData, match="one length"):
        calibrate(some, np.array([True, False]))
    with pytest.raises(UnusableData, match="one length"):
        calibrate(np.empty(0), np.empty(0, dtype=bool))
    fitted = calibrate(some, np.array([False, True, False, True]))
    with pytest.raises(UnusableData, match="not a number"):
        fitted(np.array([np.nan]))
