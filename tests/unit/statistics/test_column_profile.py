"""Profiles keep what matters of a column, in any order of its rows."""

import numpy as np
import pytest

from evergreen.reference_profile import NumericProfile, ReferenceProfile
from evergreen.statistics.column_profile import category_codes, profile_category, profile_numeric, rows_by_weekday
from evergreen.statistics.reference_counts import (
    aligned_shares,
    as_rising,
    category_counts,
    effective_rows,
    null_share,
    weighted_counts,
)

MONDAY = np.datetime64("2013-07-01")


def days(n_days, per_day):
    return MONDAY + np.repeat(np.arange(n_days), per_day)


def test_every_value_is_kept_while_there_are_few():
    profile = profile_numeric([2.0, 1.0, np.nan, 2.0, -0.0, np.inf], days(6, 1))
    assert profile.exact
    assert profile.values == (0.0, 1.0, 2.0)
    assert str(profile.values[0]) == "0.0"
    assert (profile.rows, profile.nulls) == (6, 2)
    assert profile.nulls_by_weekday == (0, 0, 1, 0, 0, 1, 0)
    assert np.asarray(profile.counts)[:, 2].tolist() == [1, 0, 0, 1, 0, 0, 0]
    assert (profile.minimum, profile.maximum, profile.mean) == (0.0, 2.0, 1.25)
    assert profile.standard_deviation == pytest.approx(np.std([2, 1, 2, 0]))


def test_many_values_become_runs_of_equally_many_rows():
    numbers = np.random.default_rng(1).lognormal(sigma=2, size=50_000)
    profile = profile_numeric(numbers, days(500, 100), max_points=1000)
    sizes = np.asarray(profile.counts).sum(axis=0)
    assert not profile.exact
    assert len(profile.values) == 1000
    assert sizes.tolist() == [50] * 1000
    assert np.average(profile.values, weights=sizes) == pytest.approx(numbers.mean(), rel=1e-12)
    assert np.all(np.diff(profile.values) > 0)
    assert (profile.minimum, profile.maximum) == (numbers.min(), numbers.max())
    assert profile.standard_deviation == pytest.approx(numbers.std(), rel=1e-12)


def test_a_value_of_many_rows_is_a_run_of_its_own():
    rng = np.random.default_rng(2)
    numbers = np.r_[np.zeros(3000), rng.normal(size=7000)]
    profile = profile_numeric(numbers, days(100, 100), max_points=100)
    assert 0.0 in profile.values
    assert np.asarray(profile.counts)[:, profile.values.index(0.0)].sum() == 3000
    assert len(profile.values) <= 100


def test_runs_of_neighbouring_floats_still_rise():
    numbers = np.nextafter(1.0, 2.0) + np.arange(3000) * np.finfo(float).eps
    assert np.all(np.diff(profile_numeric(numbers, days(30, 100), max_points=700).values) > 0)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    numbers, names, when = rng.normal(size=9000), rng.choice(["a", "b", None], 9000), days(90, 100)
    mixed = rng.permutation(9000)
    assert profile_numeric(numbers, when, max_points=500) == profile_numeric(numbers[mixed], when[mixed], max_points=500)
    assert profile_category(names, when) == profile_category(names[mixed], when[mixed])


def test_categories_are_counted_by_weekday_in_sorted_order():
    profile = profile_category(np.array(["b", None, "a", "b", np.nan], dtype=object), days(5, 1))
    assert list(profile.counts) == ["a", "b"]
    assert profile.counts["b"] == (1, 0, 0, 1, 0, 0, 0)
    assert (profile.rows, profile.nulls, profile.nulls_by_weekday) == (5, 2, (0, 1, 0, 0, 1, 0, 0))


def test_codes_of_a_column():
    codes, names = category_codes(np.array(["z", None, "a", "z"], dtype=object))
    assert codes.tolist() == [1, -1, 0, 1]
    assert names == ("a", "z")


@pytest.mark.parametrize("profile", [profile_numeric([np.nan], days(1, 1)), profile_category([None], days(1, 1))])
def test_a_column_without_values(profile):
    assert (profile.rows, profile.nulls, profile.design_effect) == (1, 1, 1.0)
    assert weighted_counts(profile).tolist() == []
    assert weighted_counts(profile, np.ones(7)).tolist() == []
    assert null_share(profile) == 1.0
    assert effective_rows(profile) == 0.0


def test_a_column_without_rows():
    assert profile_numeric([], np.array([], "datetime64[D]")).values == ()
    assert np.isnan(null_share(profile_category([], np.array([], "datetime64[D]"))))


def test_a_profile_survives_its_text():
    profile = ReferenceProfile(
        rows=9000,
        days=90,
        features={
            "x": profile_numeric(np.random.default_rng(4).normal(size=9000), days(90, 100)),
            "c": profile_category(["a", "b", None] * 3000, days(90, 100)),
        },
        probability=None,
        positive_share=0.2,
        answer_share=None,
        rows_by_weekday=(100.0,) * 7,
    )
    assert ReferenceProfile.from_bytes(profile.to_bytes()) == profile


def test_counts_weighted_to_a_mix_are_those_of_that_mix():
    """A reference of whole weeks, weighted to weekends, is the reference's weekends."""
    when = days(70, 100)
    weekend = np.asarray((when - MONDAY).astype(int) % 7 >= 5)
    numbers = np.where(weekend, 10.0, 0.0) + np.tile(np.arange(100) % 3, 70)
    numbers[::50] = np.nan
    profile, only = profile_numeric(numbers, when), profile_numeric(numbers[weekend], when[weekend])
    mix = rows_by_weekday(when[weekend])
    weighted = dict(zip(profile.values, weighted_counts(profile, mix), strict=True))
    total = sum(weighted.values())
    kept = weighted_counts(only) / weighted_counts(only).sum()
    assert [weighted[value] / total for value in only.values] == pytest.approx(kept.tolist())
    assert weighted[0.0] == 0
    assert null_share(profile, mix) == pytest.approx(null_share(only))
    assert effective_rows(profile, mix) == pytest.approx(np.isfinite(numbers[weekend]).sum() / profile.design_effect)


def test_uneven_weights_cost_rows():
    profile = NumericProfile(
        rows=700, nulls=0, nulls_by_weekday=(0,) * 7, values=(1.0,), counts=((100,),) * 7, exact=True,
        minimum=1.0, maximum=1.0, mean=1.0, standard_deviation=0.0, design_effect=2.0,
    )  # fmt: skip
    assert effective_rows(profile) == 350
    assert effective_rows(profile, [3, 1, 1, 1, 1, 1, 1]) == pytest.approx(900**2 / 1500 / 2)


def test_a_weekday_the_reference_lacks_falls_to_the_others():
    profile = profile_category(["a"] * 10 + ["b"] * 10, np.repeat([MONDAY, MONDAY + 1], 10))
    ours, theirs = aligned_shares(profile, {"a": 1, "new": 3}, [1, 1, 5, 5, 5, 5, 5])
    assert ours.tolist() == [0.5, 0.5, 0.0]
    assert theirs.tolist() == [0.25, 0.0, 0.75]


def test_values_are_sorted_once():
    rising = np.array([1.0, 2.0, 2.0])
    assert as_rising(rising) is rising
    assert as_rising([2.0, np.nan, -np.inf, 1.0]).tolist() == [1.0, 2.0]
    assert as_rising([1.0, 2.0, np.inf]).tolist() == [1.0, 2.0]
    assert as_rising([np.nan]).tolist() == []
    assert category_counts(["b", None, "a", "b"]) == {"a": 1, "b": 2}
