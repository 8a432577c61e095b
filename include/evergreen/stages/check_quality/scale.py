"""A sudden change of a number's scale, as when its unit changes: minutes for hours, miles for kilometres.

A day's spread and location are held against the trailing days, so that a season that came slowly is none, and against the
release's reference, so that a feature that finds back to it is none either.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from evergreen.stages.check_quality.readings import SURE, Reading, judge, summarise
from evergreen.stages.check_quality.usual import usual_band
from evergreen.stages.check_quality.wording import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from evergreen.observation import Finding, Severity
    from evergreen.reference_profile import NumericProfile
    from evergreen.stages.check_quality.columns import DayValues

FEWEST_VALUES = 20
"""Values of a day below which its spread says nothing."""
_CHANCE = 1e-3
_CLIP = (1.0, 99.0)
"""Per cent between which values are taken as they are: one wild value is no change of scale."""


@dataclass(frozen=True)
class Shape:
    """Location and spread of a day's values."""

    n_values: int
    median: float
    spread: float
    """Standard deviation of the clipped values; NaN where all but a few are one value, which says nothing of a scale."""
    kurtosis: float
    """Of the clipped values, 3 for a normal distribution; how uncertain the spread is depends on it."""

    @property
    def log_spread_error(self) -> float:
        """Standard error of the spread's logarithm."""
        return sqrt(max(self.kurtosis - 1, 0.1) / (4 * self.n_values))

    @property
    def median_error(self) -> float:
        """Standard error of the median, for a normal distribution."""
        return 1.2533 * self.spread / sqrt(self.n_values)


@dataclass(frozen=True)
class Usual:
    """What is usual of a number's location and spread."""

    medians: tuple[float, float]
    spreads: tuple[float, float]
    deviation: float
    """Standard deviation of all values together: the unit in which a location may move."""
    values: NDArray[np.float64] | None = None
    """All trailing values together; None of the reference."""

    def chance_of_constant(self, value: float, n_values: int) -> float:
        """Return how likely it is by chance that so many values are all this one."""
        return 1.0 if self.values is None else float(np.mean(self.values == value)) ** n_values


@dataclass(frozen=True)
class Change:
    """How far a day is from what is usual: a factor of the spread, or standard deviations of the location."""

    size: float
    lower: float
    words: str


def scale_finding(
    name: str,
    today: Mapping[date, DayValues],
    before: Mapping[date, DayValues],
    profile: NumericProfile | None,
    max_change: float,
) -> Finding | None:
    """Judge a sudden change of scale; None where no day has enough values or nothing is known of what is usual.

    Args:
        name: The feature.
        today: Its values on the days that are checked.
        before: Its values on the trailing days.
        profile: Its reference, if the release has one.
        max_change: Largest factor of the spread, and most standard deviations that the median may move.
    """
    reference = _of_reference(profile)
    trailing = _of_days([values.filled for values in before.values()], list(before))
    usual = trailing or reference
    if usual is None:
        return None
    recovered = reference if trailing and reference and _differ(trailing, reference, max_change) else None
    readings = []
    for day, values in today.items():
        if len(values.filled) >= FEWEST_VALUES:
            shape = measure_shape(values.filled)
            change = _change(shape, usual)
            severity = judge(change.size, change.lower, max_change)
            if recovered is not None:
                severity = min(severity, _severity(shape, recovered, max_change), key=_order)
            text = f"`{name}` on {day}: {change.words}; up to {number(max_change)} is allowed"
            size, lower = _finite(change.size), _finite(change.lower)
            readings.append(Reading(day, severity, size, max_change, shape.n_values, text, lower=lower))
    return summarise("scale", name, readings)


def measure_shape(values: NDArray[np.float64]) -> Shape:
    """Measure the location and spread of finite values, shape (n_values,) with at least one."""
    low, median, high = np.percentile(values, (_CLIP[0], 50.0, _CLIP[1]))
    if low == high and np.ptp(values) > 0:
        return Shape(len(values), float(median), float("nan"), 3.0)
    centred = np.clip(values, low, high)
    centred -= centred.mean()
    variance = float(np.mean(centred**2))
    kurtosis = float(np.mean(centred**4)) / variance**2 if variance > 1e-300 else 3.0
    return Shape(len(values), float(median), sqrt(variance), kurtosis)


def _of_days(values: Sequence[NDArray[np.float64]], days: Sequence[date]) -> Usual | None:
    enough = {day: part for day, part in zip(days, values, strict=True) if len(part) >= FEWEST_VALUES}
    shapes = {day: measure_shape(part) for day, part in enough.items()}
    medians = usual_band({day: shape.median for day, shape in shapes.items()})
    spreads = usual_band({day: shape.spread for day, shape in shapes.items() if shape.spread >= 0})
    if medians is None or spreads is None:
        return None
    together = np.concatenate(list(enough.values()))
    deviation = measure_shape(together).spread
    return Usual(medians, spreads, deviation if deviation >= 0 else 0.0, together)


def _of_reference(profile: NumericProfile | None) -> Usual | None:
    """Return what the reference alone says; a day may be as narrow as it likes, for the reference holds many days."""
    if profile is None or profile.mean is None or not profile.standard_deviation:
        return None
    spread = profile.standard_deviation
    return Usual((profile.mean, profile.mean), (0.0, spread), spread)


def _change(shape: Shape, usual: Usual) -> Change:
    """Return the larger of the two changes."""
    spread, location = _spread_change(shape, usual), _location_change(shape, usual)
    return max(spread, location, key=lambda change: change.lower)


def _spread_change(shape: Shape, usual: Usual) -> Change:
    low, high = usual.spreads
    words = f"its spread is {number(shape.spread)}, usually {number(low)} to {number(high)}"
    if not (shape.spread < low or shape.spread > high > 0):
        return Change(1.0, 1.0, words)
    if shape.spread == 0:
        by_chance = usual.chance_of_constant(shape.median, shape.n_values) > _CHANCE
        words = f"all {shape.n_values:,} values are {number(shape.median)}: {words}"
        return Change(1.0, 1.0, words) if by_chance else Change(float("inf"), float("inf"), words)
    larger = shape.spread > high
    factor = shape.spread / high if larger else low / shape.spread
    lower = exp(log(factor) - SURE * shape.log_spread_error)
    return Change(factor, lower, f"{words}: {number(factor)} times {'larger' if larger else 'smaller'}")


def _location_change(shape: Shape, usual: Usual) -> Change:
    low, high = usual.medians
    distance = max(low - shape.median, shape.median - high, 0.0)
    words = f"its median is {number(shape.median)}, usually {number(low)} to {number(high)}"
    if distance == 0 or usual.deviation == 0:
        return Change(0.0, 0.0, words)
    size = distance / usual.deviation
    lower = max(distance - SURE * shape.median_error, 0.0) / usual.deviation
    return Change(size, lower, f"{words}: {number(size)} standard deviations away")


def _differ(trailing: Usual, reference: Usual, max_change: float) -> bool:
    """Return whether the trailing days are themselves as far from the reference as a fault is."""
    distance = max(trailing.medians[0] - reference.medians[1], reference.medians[0] - trailing.medians[1], 0.0)
    return distance > max_change * reference.deviation or trailing.spreads[0] > max_change * reference.spreads[1]


def _severity(shape: Shape, usual: Usual, max_change: float) -> Severity:
    change = _change(shape, usual)
    return judge(change.size, change.lower, max_change)


def _order(severity: Severity) -> int:
    return ("ok", "warning", "critical").index(severity)


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
