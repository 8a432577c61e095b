"""Location, spread and magnitude of one day's values, with how uncertain each is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CLIP = (1.0, 99.0)
"""Per cent between which values are taken as they are: one wild value is no change of scale."""
_ROUNDING = 1e-9
"""Differences that are none, as a share of the values' size."""


@dataclass(frozen=True)
class Shape:
    """A day's values in a few figures."""

    n_values: int
    median: float
    spread: float
    """Standard deviation of the clipped values."""
    magnitude: float
    """Root of the mean square of the clipped values."""
    log_spread_error: float
    """Standard error of the logarithm; likewise of the magnitude."""
    log_magnitude_error: float
    is_constant: bool

    @property
    def median_error(self) -> float:
        """Standard error of the median, as of a normal distribution."""
        return 1.2533 * self.spread / sqrt(self.n_values)


def measure_shape(values: NDArray[np.float64]) -> Shape:
    """Measure finite values.

    Args:
        values: Shape (n_values,), at least one.
    """
    low, median, high = np.percentile(values, (_CLIP[0], 50.0, _CLIP[1]))
    clipped = np.clip(values, low, high)
    size = float(np.max(np.abs(values)))
    centred = clipped - clipped.mean()
    spread, spread_error = _root_mean_square(centred, size)
    magnitude, magnitude_error = _root_mean_square(clipped, size)
    constant = float(np.ptp(values)) <= size * _ROUNDING
    return Shape(len(values), float(median), spread, magnitude, spread_error, magnitude_error, constant)


def _root_mean_square(values: NDArray[np.float64], size: float) -> tuple[float, float]:
    """Return the root of the mean square and the standard error of its logarithm, by the spread of the squares."""
    scaled = values / size if size > 0 else values  # squares of huge numbers would overflow
    squares = scaled**2
    mean = float(squares.mean())
    if mean <= _ROUNDING**2:
        return 0.0, 0.0
    return sqrt(mean) * size, float(squares.std()) / mean / 2 / sqrt(len(values))
