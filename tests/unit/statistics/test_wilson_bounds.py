"""Wilson's bounds: known values, coverage on simulated counts, and the edges."""

import numpy as np
import pytest

from evergreen.statistics.wilson_bounds import wilson_bounds


@pytest.mark.parametrize(
    ("hits", "rows", "expected"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_values_of_newcombe_1998(hits, rows, expected):
    assert wilson_bounds(hits, rows, z=1.959964) == pytest.approx(expected, abs=5e-5)


def test_both_bounds_hold_as_often_as_they_say():
    hits = np.random.default_rng(3).binomial(40, 0.1, size=4000)
    bounds = np.array([wilson_bounds(int(n), 40, z=1.645) for n in hits])
    covered = np.mean((bounds[:, 0] <= 0.1) & (bounds[:, 1] >= 0.1))
    assert 0.87 <= covered <= 0.95


def test_without_rows_nothing_is_known():
    assert wilson_bounds(0, 0, z=3.0) == (0.0, 1.0)
