"""Each statistic against scikit-learn, and against itself on repeated rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from evergreen.definitions.training import Costs
from evergreen.errors import RequestError
from evergreen.statistics.average_precision import average_precision
from evergreen.statistics.brier_score import brier_score
from evergreen.statistics.calibration_error import calibration_bins, calibration_error
from evergreen.statistics.cost_per_row import cost_per_row
from evergreen.statistics.log_loss import log_loss
from evergreen.statistics.measures import measure, measure_by_cluster
from evergreen.statistics.roc_auc import roc_auc

COSTS = Costs(false_positive=1, false_negative=3, true_positive=0.5, true_negative=-0.25)
REFERENCES = {
    roc_auc: roc_auc_score,
    average_precision: average_precision_score,
    log_loss: sklearn_log_loss,
    brier_score: brier_score_loss,
}
NAMES = ("roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row")


def _rows(seed, n_rows=400, decimals=None):
    rng = np.random.default_rng(seed)
    chances = rng.random(n_rows)
    labels = (rng.random(n_rows) < chances).astype(float)
    labels[:2] = 0, 1
    return labels, chances if decimals is None else chances.round(decimals), rng.integers(0, 4, n_rows).astype(float)


@pytest.mark.parametrize("statistic", REFERENCES, ids=lambda statistic: statistic.__name__)
@pytest.mark.parametrize("decimals", [None, 2, 1], ids=["distinct", "some ties", "many ties"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_it_agrees_with_scikit_learn(statistic, decimals, weighted):
    for seed in range(5):
        labels, chances, weights = _rows(seed, decimals=decimals)
        expected = REFERENCES[statistic](labels, chances, sample_weight=weights if weighted else None)
        assert statistic(labels, chances, weights=weights if weighted else None) == pytest.approx(
            expected, rel=1e-12, abs=1e-12
        )


@pytest.mark.parametrize("n_bins", [5, 10, 15])
def test_calibration_bins_agree_with_scikit_learn(n_bins):
    labels, chances, _ = _rows(3, n_rows=n_bins * 40)
    came_true, said = calibration_curve(labels, chances, n_bins=n_bins, strategy="quantile")
    bins = calibration_bins(labels, chances, n_bins=n_bins)
    np.testing.assert_allclose(bins.said, said, rtol=1e-12)
    np.testing.assert_allclose(bins.came_true, came_true, rtol=1e-12)
    assert calibration_error(labels, chances, n_bins=n_bins) == pytest.approx(np.mean(np.abs(came_true - said)), abs=1e-12)


def test_calibration_bins_are_cut_at_the_weighted_quantiles():
    labels, chances, weights = _rows(4, n_rows=333, decimals=2)
    bins = calibration_bins(labels, chances, weights=weights, n_bins=7)
    edges = np.quantile(chances, np.arange(1, 7) / 7, weights=weights, method="inverted_cdf")
    index = np.searchsorted(edges, chances, side="left")
    expected = [weights[index == number].sum() for number in range(7) if weights[index == number].sum()]
    assert bins.weights.tolist() == expected


def test_calibration_error_has_the_bias_its_docstring_states():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        chances = rng.beta(2, 8, 6000)
        found.append(calibration_error((rng.random(6000) < chances).astype(float), chances))
    stated = 0.8 * math.sqrt(0.2 * 0.8 * 15 / 6000)
    assert np.mean(found) == pytest.approx(stated, rel=0.15)


@pytest.mark.parametrize("metric", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), decimals=st.sampled_from([None, 1, 2]))
def test_a_weight_is_a_number_of_copies(metric, seed, decimals):
    labels, chances, weights = _rows(seed, n_rows=60, decimals=decimals)
    labels[:4], weights[:4] = (0, 1, 0, 1), 1
    times = weights.astype(int)
    statistic = {
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "log_loss": log_loss,
        "brier_score": brier_score,
        "calibration_error": calibration_error,
        "cost_per_row": lambda *rows, weights=None: cost_per_row(*rows, weights=weights, threshold=0.4, costs=COSTS),
    }[metric]
    repeated = statistic(labels.repeat(times), chances.repeat(times))
    assert statistic(labels, chances, weights=weights) == pytest.approx(repeated, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("metric", [name for name in NAMES if name != "calibration_error"])
def test_a_resample_of_clusters_is_the_statistic_of_the_rows_drawn(metric):
    labels, chances, _ = _rows(11, n_rows=300, decimals=2)
    clusters = np.random.default_rng(1).integers(0, 9, 300)
    counts = np.random.default_rng(2).multinomial(9, np.full(9, 1 / 9), size=20)
    values = measure_by_cluster(metric, labels, chances, clusters, threshold=0.4, costs=COSTS)(counts.astype(float))
    for value, drawn in zip(values, counts, strict=True):
        times = drawn[clusters]
        expected = measure(metric, labels.repeat(times), chances.repeat(times), threshold=0.4, costs=COSTS)
        assert value == pytest.approx(expected, rel=1e-11)


def test_resampled_calibration_error_keeps_the_bins_of_all_rows():
    labels, chances, _ = _rows(12, n_rows=300)
    clusters = np.random.default_rng(1).integers(0, 6, 300)
    resampled = measure_by_cluster("calibration_error", labels, chances, clusters, threshold=0.5, costs=COSTS)
    whole = calibration_error(labels, chances)
    assert resampled(np.ones((1, 6)))[0] == pytest.approx(whole, rel=1e-12)
    assert resampled(np.full((1, 6), 3.0))[0] == pytest.approx(whole, rel=1e-12)


def test_average_precision_of_many_resamples_does_not_depend_on_the_block(monkeypatch):
    labels, chances, _ = _rows(13, n_rows=100, decimals=1)
    clusters = np.arange(100) % 5
    counts = np.random.default_rng(2).multinomial(5, np.full(5, 0.2), size=50).astype(float)
    resampled = measure_by_cluster("average_precision", labels, chances, clusters, threshold=0.5, costs=COSTS)
    at_once = resampled(counts)
    monkeypatch.setattr("evergreen.statistics.average_precision._CELLS_AT_ONCE", 300)
    assert measure_by_cluster("average_precision", labels, chances, clusters, threshold=0.5, costs=COSTS)(counts).tolist() == (
        at_once.tolist()
    )


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, 0.0), (0.30000001, 3.0), (0.0, 0.0)])
def test_the_threshold_itself_says_yes(threshold, expected):
    costs = Costs(false_positive=1, false_negative=3)
    assert cost_per_row([1], [0.3], threshold=threshold, costs=costs) == expected


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_one_class_alone_is_undefined(metric):
    assert math.isnan(measure(metric, [0, 0], [0.1, 0.2], threshold=0.5, costs=COSTS))
    clusters = np.array([0, 0, 1, 1])
    resampled = measure_by_cluster(metric, [0, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], clusters, threshold=0.5, costs=COSTS)
    without_a_yes, with_one = resampled(np.array([[0.0, 2.0], [1.0, 1.0]]))
    assert math.isnan(without_a_yes)
    assert math.isfinite(with_one)


@pytest.mark.parametrize("metric", NAMES)
def test_no_rows_at_all_are_undefined(metric):
    assert math.isnan(measure(metric, [], [], threshold=0.5, costs=COSTS))


@pytest.mark.parametrize(
    ("labels", "chances", "weights"),
    [
        ([0, 1], [0.5, math.nan], None),
        ([0, math.nan], [0.5, 0.5], None),
        ([0, 2], [0.5, 0.5], None),
        ([0, 1], [0.5, 1.1], None),
        ([0, 1], [-0.1, 0.5], None),
        ([0, 1], [0.5], None),
        ([0, 1], [0.5, 0.5], [1, -1]),
        ([0, 1], [0.5, 0.5], [1, math.inf]),
        ([[0, 1]], [[0.5, 0.5]], None),
    ],
)
def test_rows_that_cannot_be_judged_are_an_error_not_a_number(labels, chances, weights):
    for statistic in (roc_auc, average_precision, log_loss, brier_score, calibration_error):
        with pytest.raises(RequestError, match="statistic"):
            statistic(labels, chances, weights=weights)
