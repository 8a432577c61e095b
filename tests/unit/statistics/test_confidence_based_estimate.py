"""Estimates from probabilities alone, against labels drawn from them."""

import numpy as np
import pytest

from evergreen.definitions.training import Costs
from evergreen.errors import RequestError
from evergreen.statistics.confidence_based_estimate import confidence_based_estimate, estimated_positive_share
from evergreen.statistics.measures import measure

COSTS = Costs(false_positive=1, false_negative=4, true_positive=0.5, true_negative=0.1)
METRICS = ("roc_auc", "average_precision", "log_loss", "brier_score", "cost_per_row")
RUNS = 300


def estimate(metric, probabilities):
    return confidence_based_estimate(metric, probabilities, threshold=0.3, costs=COSTS)


def truth(metric, labels, probabilities):
    return measure(metric, labels, probabilities, threshold=0.3, costs=COSTS)


def probabilities(ties):
    rng = np.random.default_rng(31)
    said = rng.beta(1, 4, size=1500)
    return np.round(said, 1) if ties else said


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("metric", METRICS)
def test_calibrated_probabilities_come_true_as_estimated(metric, ties):
    """Mean and spread over drawn labels: the mean within 3.5 standard errors, the spread within a tenth and a bit."""
    rng, said = np.random.default_rng(32), probabilities(ties)
    expected = estimate(metric, said)
    seen = np.array([truth(metric, rng.random(len(said)) < said, said) for _ in range(RUNS)])
    assert abs(seen.mean() - expected.value) < 3.5 * seen.std() / np.sqrt(RUNS)
    assert seen.std() == pytest.approx(expected.standard_error, rel=0.15)


def test_few_rows_are_enumerated():
    """All 2^n sets of labels, weighted by their chance; undefined ones left out."""
    said = np.array([0.1, 0.3, 0.3, 0.6, 0.9])
    labels = np.array([[number >> bit & 1 for bit in range(5)] for number in range(32)])
    chance = np.prod(np.where(labels == 1, said, 1 - said), axis=1)
    for metric in ("log_loss", "brier_score", "cost_per_row"):
        exact = sum(weight * truth(metric, row, said) for weight, row in zip(chance, labels, strict=True))
        assert estimate(metric, said).value == pytest.approx(exact, rel=1e-12)
    won = sum(
        weight * sum((said[i] > said[j]) + (said[i] == said[j]) / 2 for i in range(5) for j in range(5) if row[i] > row[j])
        for weight, row in zip(chance, labels, strict=True)
    )
    pairs = chance @ (labels.sum(axis=1) * (5 - labels.sum(axis=1)))
    assert estimate("roc_auc", said).value == pytest.approx(won / pairs, rel=1e-12)
    assert estimated_positive_share(said).value == pytest.approx(said.mean())


def test_a_model_too_sure_of_itself_is_overestimated():
    """Log-odds twice what they should be: the ranking and so the true area are the same, the estimate is too good."""
    rng, honest = np.random.default_rng(33), probabilities(ties=False)
    odds = (honest / (1 - honest)) ** 2
    sure = odds / (1 + odds)
    labels = rng.random(len(honest)) < honest
    assert estimate("roc_auc", sure).value > truth("roc_auc", labels, sure) + 5 * estimate("roc_auc", sure).standard_error
    assert estimate("log_loss", sure).value < truth("log_loss", labels, sure) - 5 * estimate("log_loss", sure).standard_error


def test_concept_drift_is_not_seen():
    rng, said = np.random.default_rng(34), probabilities(ties=False)
    turned = rng.random(len(said)) < np.where(rng.random(len(said)) < 0.5, said, said.mean())
    expected = estimate("roc_auc", said)
    assert truth("roc_auc", turned, said) < expected.value - 5 * expected.standard_error


def test_the_share_of_yes():
    rng, said = np.random.default_rng(35), probabilities(ties=False)
    expected = estimated_positive_share(said)
    seen = [np.mean(rng.random(len(said)) < said) for _ in range(RUNS)]
    assert np.mean(seen) == pytest.approx(expected.value, abs=3.5 * expected.standard_error / np.sqrt(RUNS))
    assert np.std(seen) == pytest.approx(expected.standard_error, rel=0.15)


def test_what_cannot_be_estimated():
    assert estimate("calibration_error", [0.5]) is None
    for metric in METRICS:
        assert np.isnan(estimate(metric, []).value)
        with pytest.raises(RequestError):
            estimate(metric, [0.5, np.nan])
    assert np.isnan(estimate("roc_auc", [1.0, 1.0]).value)
    assert np.isnan(estimate("average_precision", [0.0]).value)
    assert estimate("log_loss", [0.0, 1.0]).value < 1e-14
