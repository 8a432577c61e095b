"""The design effect on simulated rows whose dependence is known."""

import numpy as np
import pytest

from evergreen.statistics.column_profile import profile_category, profile_numeric

SEEDS = 60


def days(n_days, per_day):
    return np.datetime64("2013-07-01") + np.repeat(np.arange(n_days), per_day)


def spread_days(rng, n_days, per_day, share):
    """Rows of unit variance, of which `share` belongs to the day."""
    shift = np.repeat(rng.normal(size=n_days), per_day) * np.sqrt(share)
    return shift + rng.normal(size=n_days * per_day) * np.sqrt(1 - share)


@pytest.mark.parametrize(("n_days", "allowed"), [(14, 1.3), (63, 1.3), (364, 1.12)])
def test_independent_rows_weigh_about_one_row(n_days, allowed):
    rng, when = np.random.default_rng(5), days(n_days, 40)
    effects = [profile_numeric(rng.normal(size=len(when)), when).design_effect for _ in range(SEEDS)]
    assert min(effects) == 1
    assert np.mean(effects) <= allowed


@pytest.mark.parametrize("n_categories", [2, 30])
def test_independent_categories_weigh_about_one_row(n_categories):
    rng, when = np.random.default_rng(6), days(63, 60)
    names = np.array([f"c{number}" for number in range(n_categories)], dtype=object)
    effects = [profile_category(rng.choice(names, len(when)), when).design_effect for _ in range(SEEDS)]
    assert np.mean(effects) <= 1.2


def test_days_that_move_together():
    """Kish: 1 + (rows of a day - 1) * correlation of two rows of a day."""
    rng, when = np.random.default_rng(7), days(364, 50)
    effects = [profile_numeric(spread_days(rng, 364, 50, 0.1), when).design_effect for _ in range(SEEDS)]
    assert np.mean(effects) == pytest.approx(1 + 49 * 0.1, rel=0.08)


def test_weeks_that_move_together_are_seen_as_weeks():
    rng, when = np.random.default_rng(8), days(364, 50)
    weekly = [
        profile_numeric(np.repeat(rng.normal(size=52), 350) * 0.2 + rng.normal(size=52 * 350), when).design_effect
        for _ in range(SEEDS)
    ]
    assert np.mean(weekly) == pytest.approx(1 + 349 * 0.04 / 1.04, rel=0.1)


def test_days_that_are_wider_than_others():
    """The middle stays, the spread moves: ranks alone would say 1."""
    rng, when = np.random.default_rng(9), days(364, 50)
    numbers = np.repeat(rng.lognormal(sigma=0.5, size=364), 50) * rng.normal(size=len(when))
    assert profile_numeric(numbers, when).design_effect > 3


def test_categories_of_days_that_differ():
    rng, when = np.random.default_rng(10), days(364, 50)
    yes = np.repeat(rng.beta(2, 8, size=364), 50) > rng.random(len(when))
    # A beta of a and b has a correlation within of 1 / (a + b + 1).
    effect = profile_category(np.where(yes, "yes", "no").astype(object), when).design_effect
    assert effect == pytest.approx(1 + 49 / 11, rel=0.25)


@pytest.mark.parametrize("n_days", [1, 3])
def test_too_few_days_say_nothing(n_days):
    assert profile_numeric(np.repeat(np.arange(float(n_days)), 50), days(n_days, 50)).design_effect == 1


def test_a_constant_weighs_each_row():
    assert profile_numeric(np.ones(700), days(70, 10)).design_effect == 1
    assert profile_category(["a"] * 700, days(70, 10)).design_effect == 1
