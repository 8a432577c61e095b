"""Bounds of a difference, and Holm's correction."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evergreen.statistics.clusters import mean_by_cluster
from evergreen.statistics.holm import holm
from evergreen.statistics.paired_cluster_bootstrap import Interval, chance_of_no_loss, paired_cluster_bootstrap


def _interval(values, *, confidence=0.95, resamples=4000, seed=1):
    clusters = np.arange(len(values))
    return paired_cluster_bootstrap(
        mean_by_cluster(values, clusters), len(values), confidence=confidence, resamples=resamples, seed=seed
    )


def test_for_a_mean_of_equal_clusters_it_is_student_s_interval():
    values = np.random.default_rng(5).normal(1.0, 2.0, 21)
    interval = _interval(values)
    error = values.std(ddof=1) / math.sqrt(21)
    reach = stats.t.ppf(0.95, 20) * error
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.standard_error == pytest.approx(error)
    assert interval.lower <= values.mean() - reach + 1e-12
    assert interval.upper >= values.mean() + reach - 1e-12
    assert interval.upper - interval.lower == pytest.approx(2 * reach, rel=0.12)


def test_a_skewed_statistic_gets_the_longer_end_of_the_bootstrap():
    values = np.array([0.0] * 19 + [10.0, 12.0])
    interval = _interval(values)
    assert interval.upper - interval.estimate > 1.1 * (interval.estimate - interval.lower)


def test_more_confidence_is_a_wider_interval():
    values = np.random.default_rng(6).normal(size=15)
    narrow, wide = _interval(values, confidence=0.9), _interval(values, confidence=0.99)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_the_same_seed_gives_the_same_bounds():
    values = np.random.default_rng(7).normal(size=15)
    assert _interval(values, seed=3) == _interval(values, seed=3)
    assert _interval(values, seed=3, resamples=200) != _interval(values, seed=4, resamples=200)


def test_no_difference_at_all_has_bounds_at_zero():
    assert _interval(np.zeros(12)) == Interval(0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("n_clusters", [0, 1])
def test_fewer_than_two_clusters_have_no_bounds(n_clusters):
    interval = (
        _interval(np.ones(n_clusters))
        if n_clusters
        else paired_cluster_bootstrap(lambda counts: counts.sum(axis=1), 0, confidence=0.95, resamples=200, seed=1)
    )
    assert math.isnan(interval.lower)
    assert math.isnan(interval.upper)


def test_a_statistic_that_hangs_on_one_cluster_has_no_bounds():
    def only_with_the_first(counts):
        return np.where(counts[:, 0] > 0, 1.0, np.nan)

    interval = paired_cluster_bootstrap(only_with_the_first, 10, confidence=0.95, resamples=500, seed=1)
    assert interval.estimate == 1.0
    assert math.isnan(interval.lower)
    assert math.isnan(interval.standard_error)


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [(0.0, 1.0, 0.5), (-1.725, 1.0, 0.05), (1.725, 1.0, 0.95), (-0.1, 0.0, 0.0), (0.0, 0.0, 1.0)],
)
def test_the_chance_of_no_loss_is_student_s(estimate, error, expected):
    assert chance_of_no_loss(Interval(estimate, 0, 0, error), 21) == pytest.approx(expected, abs=2e-4)


def test_the_chance_of_no_loss_of_the_unknown_is_unknown():
    assert math.isnan(chance_of_no_loss(Interval(0.1, math.nan, math.nan, math.nan), 21))
    assert math.isnan(chance_of_no_loss(Interval(0.1, 0, 0, 1.0), 1))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.7, 0.8]) == (1.0, 1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_makes_a_test_look_surer_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(p_values, kind="stable")] == sorted(adjusted)
    assert min(adjusted) == pytest.approx(min(1.0, len(p_values) * min(p_values)))
