import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evergreen.predictors.arrays import log_odds, sigmoid
from evergreen.predictors.calibration import CALIBRATION, NoCalibration, fit_calibration


def sample(n=4000, seed=0, slope=0.5, intercept=-1.0):
    """Scores that are too bold by 1 / slope."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 3, n)
    return score, (rng.uniform(size=n) < sigmoid(slope * score + intercept)).astype(float)


@pytest.mark.parametrize("score", [-800.0, -3.0, 0.0, 3.0, 800.0])
def test_sigmoid_neither_overflows_nor_loses_its_inverse(score):
    probability = sigmoid(np.array([score]))
    assert 0 <= probability[0] <= 1
    if abs(score) < 30:
        assert log_odds(probability)[0] == pytest.approx(score)


def test_sigmoid_calibration_finds_the_line():
    calibration = fit_calibration("sigmoid", *sample(40_000))
    assert calibration.slope == pytest.approx(0.5, abs=0.02)
    assert calibration.intercept == pytest.approx(-1.0, abs=0.05)


def test_sigmoid_calibration_agrees_with_maximum_likelihood():
    score, label = sample()
    learner = LogisticRegression(C=np.inf, tol=1e-8).fit(score[:, None], label)
    calibration = fit_calibration("sigmoid", score, label)
    # Platt's smoothed targets move the fit by about one row in thousands.
    assert calibration.slope == pytest.approx(learner.coef_[0, 0], rel=0.01)
    assert calibration.intercept == pytest.approx(learner.intercept_[0], rel=0.01)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_come_true(method):
    calibration = fit_calibration(method, *sample(20_000))
    score, label = sample(20_000, seed=1)
    probability = calibration.apply(score)
    for part in np.array_split(np.argsort(score), 8):
        assert abs(probability[part].mean() - label[part].mean()) < 0.03
    assert (np.diff(probability[np.argsort(score)]) >= 0).all()


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_the_scale_of_the_scores_does_not_matter(scale):
    score, label = sample(2000)
    expected = fit_calibration("sigmoid", score, label).apply(score)
    assert fit_calibration("sigmoid", score * scale, label).apply(score * scale) == pytest.approx(expected, abs=1e-6)


def test_scores_that_point_the_wrong_way_are_not_turned_round():
    score, label = sample()
    calibration = fit_calibration("sigmoid", -score, label)
    assert calibration.slope == 0
    assert calibration.apply(score)[0] == pytest.approx(label.mean(), abs=0.001)


def test_constant_scores_say_the_rate():
    calibration = fit_calibration("sigmoid", np.zeros(100), np.repeat([0.0, 1.0], [80, 20]))
    assert calibration.apply(np.zeros(1))[0] == pytest.approx(0.2, abs=0.02)


def test_perfectly_parted_scores_stay_finite():
    calibration = fit_calibration("sigmoid", np.repeat([-1.0, 1.0], 50), np.repeat([0.0, 1.0], 50))
    low, high = calibration.apply(np.array([-1.0, 1.0]))
    assert 0 < low < 0.05
    assert 0.95 < high < 1


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "none"])
def test_no_probability_is_zero_or_one_and_nan_stays_nan(method):
    calibration = fit_calibration(method, *sample(500))
    low, high, lost = calibration.apply(np.array([-1e9, 1e9, np.nan]))
    assert 0 < low < high < 1
    assert np.isnan(lost)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "none"])
def test_a_calibration_survives_json(method):
    calibration = fit_calibration(method, *sample(500))
    assert CALIBRATION.validate_python(json.loads(calibration.model_dump_json())) == calibration


def test_no_calibration_takes_scores_as_log_odds():
    assert NoCalibration().apply(np.zeros(1))[0] == 0.5
