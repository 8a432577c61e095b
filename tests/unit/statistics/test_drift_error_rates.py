"""How often the tests of drift are wrong, on simulated rows in which the truth is known.

Every rate is counted over `RUNS` simulated pairs of reference and window; a bound is what a rate of 5 % stays below by chance
with probability 0.999 (binomial).
"""

from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom

from evergreen.statistics.benjamini_hochberg import benjamini_hochberg
from evergreen.statistics.chi_square import chi_square
from evergreen.statistics.column_profile import profile_category, profile_numeric
from evergreen.statistics.kolmogorov_smirnov import kolmogorov_smirnov
from evergreen.statistics.reference_counts import category_counts

pytestmark = pytest.mark.slow
RUNS = 200
LEVEL = 0.05
MOST = binom.ppf(0.999, RUNS, LEVEL) / RUNS
PER_DAY, REFERENCE_DAYS, WINDOW_DAYS = 100, 91, 7
NAMES = np.array([f"c{number:02d}" for number in range(20)], dtype=object)
SHARES = np.arange(1, 21) / 210


def days(n_days):
    return np.datetime64("2013-07-01") + np.repeat(np.arange(n_days), PER_DAY)


def numbers(rng, n_days, day_share, shift=0.0):
    """Rows of unit variance around `shift`, of which `day_share` belongs to the day."""
    day = np.repeat(rng.normal(size=n_days), PER_DAY)
    return shift + np.sqrt(day_share) * day + np.sqrt(1 - day_share) * rng.normal(size=n_days * PER_DAY)


def names(rng, n_days, concentration):
    """Categories of 20 shares; each day draws its own around them, the further away the lower the concentration."""
    if concentration is None:
        return rng.choice(NAMES, n_days * PER_DAY, p=SHARES)
    reached = rng.dirichlet(SHARES * concentration, size=n_days).cumsum(axis=1)
    reached[:, -1] = 1
    return NAMES[[code for day in reached for code in np.searchsorted(day, rng.random(PER_DAY))]]


def naive(profile):
    return profile.model_copy(update={"design_effect": 1.0})


@cache
def alarms_of_numbers(day_share, shift=0.0):
    """Share of runs that alarm: with the design effect, and without."""
    rng, seen = np.random.default_rng(21), np.zeros(2)
    for _ in range(RUNS):
        profile = profile_numeric(numbers(rng, REFERENCE_DAYS, day_share), days(REFERENCE_DAYS))
        current = numbers(rng, WINDOW_DAYS, day_share, shift)
        seen += [kolmogorov_smirnov(known, current).p_value <= LEVEL for known in (profile, naive(profile))]
    return seen / RUNS


@cache
def alarms_of_categories(concentration):
    rng, seen = np.random.default_rng(22), np.zeros(2)
    for _ in range(RUNS):
        profile = profile_category(names(rng, REFERENCE_DAYS, concentration), days(REFERENCE_DAYS))
        current = category_counts(names(rng, WINDOW_DAYS, concentration))
        seen += [chi_square(known, current).p_value <= LEVEL for known in (profile, naive(profile))]
    return seen / RUNS


@pytest.mark.parametrize("day_share", [0.0, 0.05, 0.2])
def test_equal_numbers_alarm_no_more_than_they_may(day_share):
    assert alarms_of_numbers(day_share)[0] <= MOST


def test_without_the_design_effect_days_are_taken_for_drift():
    assert alarms_of_numbers(0.05)[1] > 0.25
    assert alarms_of_numbers(0.2)[1] > 0.5
    assert alarms_of_categories(30)[1] > 0.9


@pytest.mark.parametrize("concentration", [None, 30, 8])
def test_equal_categories_alarm_no_more_than_they_may(concentration):
    assert alarms_of_categories(concentration)[0] <= MOST


def test_a_tenth_of_a_standard_deviation_is_found_in_the_rows_that_tell_it():
    """700 independent rows find it in more than half of all cases, whatever the correction; a naive test finds no more."""
    corrected, uncorrected = alarms_of_numbers(0.0, 0.1)
    assert corrected > 0.45
    assert uncorrected - corrected < 0.12


def test_a_shift_that_days_hide_is_still_found_when_it_is_large():
    assert alarms_of_numbers(0.05, 0.5)[0] > 0.8


def test_the_share_of_false_alarms_among_all_is_kept():
    """20 features, 5 of them moved: of those that alarm, 5 % of 15/20 are false on average."""
    rng, runs = np.random.default_rng(23), 400
    wrong, found = np.zeros(runs), np.zeros(runs)
    for run in range(runs):
        statistics = rng.normal(size=20) + np.r_[np.full(5, 4.0), np.zeros(15)]
        p_values = 2 * ndtr(-np.abs(statistics))
        alarms = np.asarray(benjamini_hochberg(p_values)) <= LEVEL
        wrong[run], found[run] = alarms[5:].sum() / max(alarms.sum(), 1), alarms[:5].mean()
    expected = LEVEL * 15 / 20
    assert abs(wrong.mean() - expected) < 3.3 * wrong.std() / np.sqrt(runs)
    assert found.mean() > 0.8
