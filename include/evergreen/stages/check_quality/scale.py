"""A sudden change of a number's scale, as when its unit changes: minutes for hours, miles for kilometres.

A day is held against the trailing days, so that a season that came slowly is no fault, and against the release's reference, so
that a feature that finds back to it is none either. Four things are looked at:

- magnitude: the root of the mean square. A factor changes it by that factor, whatever the feature's mean. Of a feature that
  comes in storms, a day must be so many times beyond the wildest of the trailing days.
- spread: the standard deviation, upwards only. On some days all rows are alike, and nothing is wrong.
- location: the median, in standard deviations, where it leaves the values that were usual so far. Not where the magnitude
  itself changes by more than the limit from one day to the next, as that of rain: there no single day tells a unit.
- temperature: Fahrenheit and Celsius are too close for that limit where days differ. Median and spread together tell them
  apart: neither is usual as it came, and both are once the day is turned back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import TYPE_CHECKING

import numpy as np

from evergreen.stages.check_quality.readings import SURE, Reading, judge, summarise
from evergreen.stages.check_quality.shape import Shape, measure_shape
from evergreen.stages.check_quality.usual import Band, usual_band
from evergreen.stages.check_quality.wording import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from evergreen.observation import Finding
    from evergreen.reference_profile import NumericProfile
    from evergreen.stages.check_quality.columns import DayValues

FEWEST_VALUES = 20
"""Values of a day below which their scale says nothing."""
_FEWEST_OF_USUAL = 0.25
"""Fewest values of a day, as a share of the usual: a few hours are no sample of a day."""
_SWINGS = 2.0
"""Standard deviations from day to day that a figure may leave its band by, beside the limit."""
_CENTRAL = (1.0, 99.0)
"""Per cent of all values between which nearly all of them lie."""
_EXTREME = (0.1, 99.9)
"""Per cent of all values between which a median is usual, whatever the days before it were like: the wettest day of a dry month
is no fault where the release has learned from days as wet."""
_CHANCE = 1e-3
_TEMPERATURES = (("Celsius instead of Fahrenheit", 5 / 9, -160 / 9), ("Fahrenheit instead of Celsius", 9 / 5, 32.0))
"""What a day came as, with factor and offset of the way there."""


@dataclass(frozen=True)
class Usual:
    """What is usual of a number's scale; a band of logarithms is None where all trailing values were 0."""

    magnitude: Band | None
    """Of the logarithm."""
    spread: Band | None
    """Of the logarithm."""
    wildest: float
    """Largest logarithm of a trailing day's magnitude; -infinity where all values were 0."""
    location: Band
    furthest: tuple[float, float]
    """Lowest and highest median of a trailing day. Days set aside are not among them, so these were days without fault."""
    deviation: float
    """Standard deviation of all values together: the unit in which a location may move."""
    central: tuple[tuple[float, float], ...]
    """Where nearly all values lay: of the trailing days and of the reference."""
    extreme: tuple[tuple[float, float], ...]
    """Where all but the rarest of them lay, likewise."""
    reference_magnitude: float
    """Logarithm; NaN without a reference. Likewise the spread."""
    reference_spread: float
    n_values: float
    constant_days: int
    """Trailing days on which all values were the same."""


@dataclass(frozen=True)
class Change:
    """How far a day is from what is usual: a factor, or standard deviations."""

    size: float
    lower: float
    """Its bound beyond chance and beyond what swings by itself."""
    words: str


def scale_finding(
    name: str,
    today: Mapping[date, DayValues],
    before: Mapping[date, DayValues],
    profile: NumericProfile | None,
    max_change: float,
) -> Finding | None:
    """Judge a sudden change of scale; None where no day has enough values or too few trailing days say how it swings.

    Args:
        name: The feature.
        today: Its values on the days that are checked.
        before: Its values on the trailing days.
        profile: Its reference, if the release has one.
        max_change: Largest factor, and most standard deviations that the median may move.
    """
    usual = _usual(before, profile)
    if usual is None:
        return None
    readings = []
    for day, values in today.items():
        if len(values.filled) >= max(FEWEST_VALUES, _FEWEST_OF_USUAL * usual.n_values):
            change = _largest_change(measure_shape(values.filled), usual, max_change)
            severity = judge(change.size, change.lower, max_change)
            text = f"`{name}` on {day}: {change.words}; up to {number(max_change)} is allowed"
            size, lower = (value if value < inf else None for value in (change.size, change.lower))
            readings.append(Reading(day, severity, size, max_change, len(values.filled), text, lower=lower))
    return summarise("scale", name, readings)


def _usual(before: Mapping[date, DayValues], profile: NumericProfile | None) -> Usual | None:
    filled = {day: values.filled for day, values in before.items() if len(values.filled) >= FEWEST_VALUES}
    shapes = {day: measure_shape(values) for day, values in filled.items()}
    medians = {day: shape.median for day, shape in shapes.items()}
    location = usual_band(medians)
    if location is None:
        # The reference is of many days together: a day without rain, or of one storm, is unlike it without any fault.
        return None
    known = profile is not None and profile.mean is not None and bool(profile.standard_deviation)
    mean, deviation = (profile.mean or 0.0, profile.standard_deviation or 0.0) if profile else (0.0, 0.0)
    together = np.concatenate(list(filled.values()))
    low, high = np.percentile(together, _CENTRAL)
    lowest, highest = np.percentile(together, _EXTREME)
    learned = [profile] if known and profile else []
    trailing = float(np.clip(together, low, high).std())
    return Usual(
        magnitude=_log_band(shapes, lambda shape: shape.magnitude),
        spread=_log_band(shapes, lambda shape: shape.spread),
        wildest=_log(max(shape.magnitude for shape in shapes.values())),
        location=location,
        furthest=(min(medians.values()), max(medians.values())),
        deviation=max(deviation, trailing),
        central=(*(_quantiles(profile, _CENTRAL) for profile in learned), (float(low), float(high))),
        extreme=(*(_quantiles(profile, _EXTREME) for profile in learned), (float(lowest), float(highest))),
        reference_magnitude=log(float(np.hypot(mean, deviation))) if known else float("nan"),
        reference_spread=log(deviation) if known else float("nan"),
        n_values=float(np.median([shape.n_values for shape in shapes.values()])) if shapes else 0.0,
        constant_days=sum(shape.is_constant for shape in shapes.values()),
    )


def _log_band(shapes: Mapping[date, Shape], figure: Callable[[Shape], float]) -> Band | None:
    """Return the band of a figure's logarithm; days where it is 0 count as far below the others."""
    values = {day: figure(shape) for day, shape in shapes.items()}
    top = max(values.values(), default=0.0)
    return usual_band({day: log(max(value, top * 1e-6)) for day, value in values.items()}) if top > 0 else None


def _log(value: float) -> float:
    return log(value) if value > 0 else -inf


def _quantiles(profile: NumericProfile, ends: tuple[float, float]) -> tuple[float, float]:
    """Return the values between which the given per cent of the reference lie."""
    counts = np.asarray(profile.counts, dtype=np.float64).sum(axis=0)
    shares = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(shares, np.asarray(ends) / 100)
    return profile.values[low], profile.values[min(high, len(profile.values) - 1)]


def _largest_change(shape: Shape, usual: Usual, max_change: float) -> Change:
    """Return the change that is furthest beyond doubt, the largest among equals."""
    changes = [_constant(shape, usual), _magnitude(shape, usual, max_change), _spread(shape, usual)]
    changes += [_location(shape, usual)] if _days_are_alike(usual, max_change) else []
    changes += [_temperature(shape, usual, *way) for way in _TEMPERATURES]
    return max(changes, key=lambda change: (change.lower > max_change, change.size > max_change, change.lower, change.size))


def _constant(shape: Shape, usual: Usual) -> Change:
    """All values the same, which happened on no trailing day: a stuck sensor, a default that was filled in."""
    words = f"all {shape.n_values:,} values are {number(shape.median)}"
    varied = usual.spread is not None and usual.constant_days == 0
    if not shape.is_constant or not varied or shape.n_values < usual.n_values / 2:
        return Change(0.0, 0.0, words)
    return Change(inf, inf, f"{words}, which no trailing day had")


def _days_are_alike(usual: Usual, max_change: float) -> bool:
    """Return whether the magnitude of four of five trailing days lies within the factor that a single day may change by."""
    return usual.magnitude is None or usual.magnitude.high - usual.magnitude.low <= log(max_change)


def _magnitude(shape: Shape, usual: Usual, max_change: float) -> Change:
    known = [usual.reference_magnitude] if usual.reference_magnitude == usual.reference_magnitude else []
    change = _factor("magnitude", shape.magnitude, shape.log_magnitude_error, usual.magnitude, known)
    if usual.magnitude is None:
        return change
    if "smaller" not in change.words:
        # What swings by itself may swing further, but not without end: beyond the wildest day, the limit counts once more.
        beyond = _log(shape.magnitude) - max([usual.wildest, *known]) - SURE * shape.log_magnitude_error - log(max_change)
        return replace(change, lower=max(change.lower, exp(max(beyond, 0.0))))
    # A mean that passes through zero is small, too; after a change of unit the spread has shrunk with it.
    return min(change, _spread(shape, usual, downwards=True), key=lambda each: each.lower)


def _spread(shape: Shape, usual: Usual, *, downwards: bool = False) -> Change:
    known = [usual.reference_spread] if usual.reference_spread == usual.reference_spread else []
    return _factor("spread", shape.spread, shape.log_spread_error, usual.spread, known, downwards=downwards)


def _factor(
    name: str, value: float, error: float, band: Band | None, reference: list[float], *, downwards: bool = True
) -> Change:
    """Measure by which factor a value lies outside the trailing band and the reference, taken together."""
    if band is None or value <= 0:  # all trailing values were 0: nothing says how far others may be
        return Change(1.0, 1.0, f"its {name} is {number(value)}")
    low, high = min([band.low, *reference]), max([band.high, *reference])
    above, below = log(value) - high, (low - log(value)) if downwards else 0.0
    distance = max(above, below, 0.0)
    lower = max(distance - SURE * error - _SWINGS * band.swing, 0.0)
    direction = "larger" if above > 0 else "smaller"
    words = f"its {name} is {number(value)}, usually {number(exp(low))} to {number(exp(high))}"
    return Change(exp(distance), exp(lower), f"{words}: {number(exp(distance))} times {direction}")


def _location(shape: Shape, usual: Usual) -> Change:
    band = usual.location
    distance = max(band.low - shape.median, shape.median - band.high, 0.0)
    words = f"its median is {number(shape.median)}, usually {number(band.low)} to {number(band.high)}"
    if usual.deviation == 0 or any(low <= shape.median <= high for low, high in usual.extreme):
        return Change(0.0, 0.0, words)
    # Four of five days say little of a median that is nearly always 0: one storm is no fault where there was one before.
    beyond = max(usual.furthest[0] - shape.median, shape.median - usual.furthest[1], 0.0)
    lower = max(min(distance - _SWINGS * band.swing, beyond) - SURE * shape.median_error, 0.0)
    size = distance / usual.deviation
    return Change(size, lower / usual.deviation, f"{words}: {number(size)} standard deviations away")


def _temperature(shape: Shape, usual: Usual, words: str, factor: float, offset: float) -> Change:
    """Tell whether median and spread are both unusual, and both usual once the day is turned back."""
    none = Change(0.0, 0.0, words)
    if shape.spread <= 0 or usual.spread is None:
        return none
    spread, room = log(shape.spread), SURE * shape.log_spread_error + _SWINGS * usual.spread.swing
    near, spread_near = SURE * shape.median_error, (usual.spread.low - room, usual.spread.high + room)
    # A share that a day brings near its end lies far off and close together, too, but among values that were seen before.
    seen = any(_within(shape.median, central) for central in usual.central)
    if seen or _within(shape.median, usual.furthest, near) or _within(spread, spread_near):
        return none
    median_back, spread_back = (shape.median - offset) / factor, spread - log(factor)
    if not (_within(median_back, usual.furthest, near / factor) and _within(spread_back, spread_near)):
        return none
    low, high = map(number, usual.furthest)
    return Change(inf, inf, f"its median is {number(shape.median)}, so far {low} to {high}, as if it were {words}")


def _within(value: float, ends: tuple[float, float], room: float = 0.0) -> bool:
    return ends[0] - room <= value <= ends[1] + room
