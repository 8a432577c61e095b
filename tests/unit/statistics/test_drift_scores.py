"""Scores and tests are those of Evidently and SciPy, from a profile instead of the rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evergreen.statistics.benjamini_hochberg import benjamini_hochberg
from evergreen.statistics.chi_square import chi_square
from evergreen.statistics.column_profile import profile_category, profile_numeric, rows_by_weekday
from evergreen.statistics.jensen_shannon import jensen_shannon
from evergreen.statistics.kolmogorov_smirnov import kolmogorov_smirnov
from evergreen.statistics.population_stability_index import (
    population_stability_index,
    population_stability_index_of_numbers,
)
from evergreen.statistics.reference_counts import category_counts
from evergreen.statistics.wasserstein import wasserstein


def days(n_rows):
    """Three days: too few to say whether rows resemble each other, so the design effect is 1."""
    return np.datetime64("2013-07-01") + np.arange(n_rows) % 3


def evidently(name, reference, current, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports are not ours to mend
        from evidently.legacy.calculations import stattests
        from evidently.legacy.core import ColumnType

    test = getattr(stattests, f"{name}_stat_test")
    # Evidently leaves missing and infinite values out before it asks the statistic.
    tidy = [pd.Series(side).replace([np.inf, -np.inf], np.nan).dropna() for side in (reference, current)]
    return float(test(tidy[0], tidy[1], ColumnType(kind), None).drift_score)


def numbers(kind, rng, n_rows, shift):
    if kind == "normal":
        return rng.normal(shift, size=n_rows)
    if kind == "ties":
        return np.round(rng.normal(shift, size=n_rows), 1)
    if kind == "heavy tails":
        return rng.lognormal(shift, 2, size=n_rows)
    if kind == "far from zero":
        return 1e9 + rng.normal(shift, size=n_rows)
    if kind == "two values":
        return (rng.random(n_rows) < 0.3 + shift / 4).astype(float)
    if kind == "nearly constant":
        return 5 + 1e-5 * rng.normal(shift, size=n_rows)
    with_nulls = rng.gamma(2, size=n_rows) + shift
    with_nulls[rng.random(n_rows) < 0.2] = np.nan
    with_nulls[:3] = [np.inf, -np.inf, np.nan]
    return with_nulls


KINDS = ("normal", "ties", "heavy tails", "far from zero", "two values", "nearly constant", "nulls")


@pytest.mark.parametrize("shift", [0.0, 0.3])
@pytest.mark.parametrize("sizes", [(3000, 3000), (4321, 1234), (500, 9000), (3000, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_score_as_evidently_says(kind, sizes, shift):
    rng = np.random.default_rng(11)
    reference, current = numbers(kind, rng, sizes[0], 0.0), numbers(kind, rng, max(sizes[1], 4), shift)
    profile = profile_numeric(reference, days(len(reference)))
    assert profile.exact
    assert wasserstein(profile, current) == pytest.approx(
        evidently("wasserstein", reference, current, "num"), rel=1e-9, abs=1e-9
    )
    tidy = [side[np.isfinite(side)] for side in (reference, current)]
    expected = stats.ks_2samp(*tidy, method="asymp")
    found = kolmogorov_smirnov(profile, current)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_run_means_score_nearly_as_evidently_says(kind):
    rng = np.random.default_rng(12)
    reference, current = numbers(kind, rng, 60_000, 0.0), numbers(kind, rng, 40_000, 0.1)
    profile = profile_numeric(reference, days(len(reference)))
    assert wasserstein(profile, current) == pytest.approx(evidently("wasserstein", reference, current, "num"), abs=2e-3)
    tidy = [side[np.isfinite(side)] for side in (reference, current)]
    # A run is 1 / 5000 of the rows.
    assert kolmogorov_smirnov(profile, current).statistic == pytest.approx(stats.ks_2samp(*tidy).statistic, abs=2.5e-4)


def categories(rng, n_rows, shares, missing=0.1):
    names = np.array([f"c{number}" for number in range(len(shares))], dtype=object)
    drawn = rng.choice(names, n_rows, p=np.asarray(shares) / np.sum(shares))
    drawn[rng.random(n_rows) < missing] = None
    return drawn


@pytest.mark.parametrize("sizes", [(3000, 3000), (4321, 1234), (500, 9000)])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([5, 3, 2], [5, 3, 2]),
        ([5, 3, 2], [5, 0, 2, 4, 1]),  # one gone, two never seen
        ([5, 3, 2, 0.001], [5, 3, 2, 0]),
        (np.arange(1, 101), np.arange(100, 0, -1)),
        ([1, 0], [0, 1]),
        ([1], [1]),
    ],
)
def test_categories_score_as_evidently_says(before, after, sizes):
    rng = np.random.default_rng(13)
    reference, current = categories(rng, sizes[0], before), categories(rng, sizes[1], after)
    profile, counts = profile_category(reference, days(len(reference))), category_counts(current)
    assert jensen_shannon(profile, counts) == pytest.approx(evidently("jensenshannon", reference, current, "cat"), abs=1e-9)
    assert population_stability_index(profile, counts) == pytest.approx(
        evidently("psi", reference, current, "cat"), rel=1e-9, abs=1e-9
    )


def test_a_thousand_rows_shared_out_alike_are_no_distance():
    profile = profile_category(["a", "b", "c"] * 100, days(300))
    assert jensen_shannon(profile, {"a": 7, "b": 7, "c": 7}) == pytest.approx(0, abs=1e-7)


def test_chi_square_is_the_two_sample_test():
    rng = np.random.default_rng(14)
    reference, current = categories(rng, 900, [5, 3, 2]), categories(rng, 400, [5, 4, 2])
    table = pd.crosstab(np.r_[reference, current], np.r_[np.zeros(900), np.ones(400)])
    expected = stats.chi2_contingency(table, correction=False)
    found = chi_square(profile_category(reference, days(900)), category_counts(current))
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_rare_categories_are_put_together():
    """3 of 1,000 and 2 of 1,000 are one heap with 4 and 3: both sides expect 6 rows of it, over 5."""
    reference = ["common"] * 500 + ["other"] * 493 + ["x"] * 3 + ["y"] * 4
    profile = profile_category(reference, days(1000))
    found = chi_square(profile, {"common": 500, "other": 495, "x": 1, "new": 4})
    expected = stats.chi2_contingency([[493, 500, 7], [495, 500, 5]], correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_one_category_alone_cannot_move():
    profile = profile_category(["a"] * 100, days(100))
    assert chi_square(profile, {"a": 50}).p_value == 1.0
    assert chi_square(profile, {"a": 50, "b": 1}).p_value == 1.0  # one row is no evidence
    assert chi_square(profile, {"b": 50}).p_value < 1e-12


def test_the_index_of_numbers_takes_tenths_of_the_reference():
    profile = profile_numeric(np.arange(1000.0), days(1000))
    current = np.arange(1000.0) % 500
    share = np.array([0.2] * 5 + [0.0001] * 5)
    assert population_stability_index_of_numbers(profile, current) == pytest.approx(np.sum((share - 0.1) * np.log(share / 0.1)))
    assert population_stability_index_of_numbers(profile, np.arange(1000.0)) == pytest.approx(0, abs=1e-12)
    constant = profile_numeric(np.zeros(100), days(100))
    assert population_stability_index_of_numbers(constant, [0.0, 1.0]) == 0  # one bin


def test_independent_rows_count_less_where_days_move_together():
    rng = np.random.default_rng(15)
    profile = profile_numeric(rng.normal(size=2000), days(2000)).model_copy(update={"design_effect": 4.0})
    found = kolmogorov_smirnov(profile, rng.normal(0.2, size=1000))
    assert (found.reference_rows, found.current_rows) == (500, 250)
    assert found.p_value == pytest.approx(stats.kstwo.sf(found.statistic, round(500 * 250 / 750)))
    assert kolmogorov_smirnov(profile, rng.normal(size=1000), design_effect=1.0).current_rows == 1000


def test_a_reference_weighted_to_the_weekend_is_no_drift_on_a_weekend():
    rng = np.random.default_rng(16)
    when = np.datetime64("2013-07-01") + np.repeat(np.arange(140), 50)
    weekend = np.arange(140).repeat(50) % 7 >= 5
    values = rng.normal(size=7000) + 2 * weekend
    names = np.where(rng.random(7000) < np.where(weekend, 0.8, 0.2), "leisure", "work").astype(object)
    number, category = profile_numeric(values, when), profile_category(names, when)
    now, mix = rng.normal(2, size=600), rows_by_weekday(np.repeat(np.array(["2013-12-07", "2013-12-08"], "datetime64[D]"), 300))
    assert wasserstein(number, now) > 1
    assert wasserstein(number, now, mix) < 0.1
    assert kolmogorov_smirnov(number, now, mix, design_effect=1).p_value > 0.001
    assert population_stability_index_of_numbers(number, now, mix) < 0.1
    assert jensen_shannon(category, {"leisure": 480, "work": 120}, mix) < 0.05
    assert jensen_shannon(category, {"leisure": 480, "work": 120}) > 0.2
    assert chi_square(category, {"leisure": 480, "work": 120}, mix).p_value > 0.001


@pytest.mark.parametrize("current", [[], [np.nan, np.nan]])
def test_without_values_there_is_no_score(current):
    profile = profile_numeric([1.0, 2.0], days(2))
    assert np.isnan(wasserstein(profile, current))
    assert np.isnan(kolmogorov_smirnov(profile, current).p_value)
    assert np.isnan(population_stability_index_of_numbers(profile, current))
    empty = profile_numeric([np.nan], days(1))
    assert np.isnan(wasserstein(empty, [1.0]))
    assert np.isnan(kolmogorov_smirnov(empty, [1.0]).p_value)
    for category, counts in ((profile_category(["a"], days(1)), {}), (profile_category([None], days(1)), {"a": 3})):
        assert np.isnan(jensen_shannon(category, counts))
        assert np.isnan(population_stability_index(category, counts))
        assert np.isnan(chi_square(category, counts).p_value)


def test_benjamini_hochberg_is_scipys():
    rng = np.random.default_rng(17)
    for n_tests in (1, 2, 20, 500):
        p_values = np.round(rng.random(n_tests) ** 3, 3)
        assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values), rel=1e-12)


def test_a_test_that_could_not_be_made_counts_for_nothing():
    adjusted = benjamini_hochberg([0.01, float("nan"), 0.04])
    assert adjusted[0] == pytest.approx(0.02)
    assert np.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.04)
    assert benjamini_hochberg([]) == ()
