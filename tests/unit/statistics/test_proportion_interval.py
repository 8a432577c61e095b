"""Bounds of shares that were counted on days which differ."""

import numpy as np
import pytest

from evergreen.statistics.proportion_interval import proportion_interval
from evergreen.statistics.wilson_bounds import wilson_bounds

Z = 1.6449


def test_rows_count_for_what_they_are_worth():
    assert proportion_interval(30, 200, z=Z) == wilson_bounds(30, 200, z=Z)
    assert proportion_interval(30, 200, z=Z, design_effect=4) == pytest.approx(wilson_bounds(7.5, 50, z=Z))
    assert proportion_interval(0, 0, z=Z, design_effect=4) == (0.0, 1.0)


def test_days_that_differ_are_covered_by_the_design_effect():
    """Shares of days from a beta(2, 8), 50 rows each on 40 days: two rows of a day correlate by 1/11."""
    rng, runs, effect = np.random.default_rng(41), 2000, 1 + 49 / 11
    hits = np.array([rng.binomial(50, rng.beta(2, 8, size=40)).sum() for _ in range(runs)])

    def missed(design_effect):
        bounds = [proportion_interval(int(hit), 2000, z=Z, design_effect=design_effect) for hit in hits]
        return sum(not lower <= 0.2 <= upper for lower, upper in bounds) / runs

    assert missed(effect) == pytest.approx(0.1, abs=0.025)
    assert missed(1.0) > 0.4
