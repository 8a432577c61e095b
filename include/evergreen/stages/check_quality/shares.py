"""Shares of a day's rows that are missing, unknown to the release, or beyond every usual value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.observation import Severity
from evergreen.stages.check_quality.readings import SURE, Reading, judge, summarise
from evergreen.stages.check_quality.usual import null_share, usual_band, usual_share
from evergreen.stages.check_quality.wording import number, rows_of, share
from evergreen.statistics.wilson_bounds import wilson_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from evergreen.observation import Finding
    from evergreen.reference_profile import ColumnProfile, NumericProfile
    from evergreen.stages.check_quality.columns import DayValues

    ByDay = Mapping[date, DayValues]

_MARGIN = 0.1
"""Of the usual range's width, added on either side: the record of a season is no fault."""
_SWINGS = 3.0
"""Standard deviations of the daily median, added as well."""


def null_finding(name: str, today: ByDay, before: ByDay, profile: ColumnProfile | None, max_rise: float) -> Finding | None:
    """Judge a burst of missing values.

    Args:
        name: The feature.
        today: Its values on the days that are checked.
        before: Its values on the trailing days.
        profile: Its reference; None where the release has none, which counts as never missing.
        max_rise: Largest rise of the share over what is usual.
    """
    earlier = {day: values.null_share for day, values in before.items()}
    readings = []
    for day, values in today.items():
        n_rows, hits = len(values.values), len(values.values) - len(values.filled)
        expected = null_share(profile, day) if profile else 0.0
        usual = usual_share(day, earlier, expected)
        words = f"is missing in {rows_of(hits, n_rows)} on {day}: {share(hits / n_rows)}, where up to {share(usual)} is usual"
        reading = _reading(name, day, hits, n_rows, min(usual + max_rise, 1.0), words)
        # A column that is mostly empty cannot pass the limit; that it never was wholly empty is worth a word.
        if hits == n_rows and reading.severity is Severity.OK and max([expected, *earlier.values()]) < 1:
            text = (
                f"`{name}` is missing in all {n_rows:,} rows on {day}; no day before was so, nor one of the release's reference"
            )
            reading = replace(reading, severity=Severity.WARNING, text=text)
        readings.append(reading)
    return summarise("null_share", name, readings)


def category_finding(name: str, today: ByDay, before: ByDay, max_share: float) -> Finding | None:
    """Judge how many rows have a category that the release has never seen, over what the trailing days have."""
    earlier = {day: _unknown_share(values) for day, values in before.items()}
    readings = []
    for day, values in today.items():
        n_rows, hits = len(values.values), int(np.nansum(values.values))
        usual = usual_share(day, earlier, 0.0)
        shown = f" ({', '.join(values.examples)})" if values.examples else ""
        words = f"has a category new to the release{shown} in {rows_of(hits, n_rows)} on {day}: {share(hits / n_rows)}"
        readings.append(
            _reading(name, day, hits, n_rows, min(usual + max_share, 1.0), f"{words}, where up to {share(usual)} is usual")
        )
    return summarise("new_category", name, readings)


def range_finding(name: str, today: ByDay, before: ByDay, profile: NumericProfile | None, max_share: float) -> Finding | None:
    """Judge how many rows lie beyond every usual value; None where nothing is known of what is usual."""
    usual = _usual_range(before, profile)
    if usual is None:
        return None
    low, high = usual
    readings = []
    for day, values in today.items():
        n_rows, hits = len(values.values), int(np.sum((values.filled < low) | (values.filled > high)))
        words = f"lies outside {number(low)} to {number(high)} in {rows_of(hits, n_rows)} on {day}: {share(hits / n_rows)}"
        readings.append(_reading(name, day, hits, n_rows, max_share, words))
    return summarise("out_of_range", name, readings)


def _reading(name: str, day: date, hits: int, n_rows: int, limit: float, words: str) -> Reading:
    lower, upper = wilson_bounds(hits, n_rows, z=SURE)
    severity = judge(hits / n_rows, lower, limit)
    return Reading(
        day, severity, hits / n_rows, limit, n_rows, f"`{name}` {words}; the limit is {share(limit)}", lower=lower, upper=upper
    )


def _unknown_share(values: DayValues) -> float:
    return float(np.nansum(values.values)) / len(values.values) if len(values.values) else 0.0


def _usual_range(before: ByDay, profile: NumericProfile | None) -> tuple[float, float] | None:
    """Return the range of the reference and of nine of ten trailing days, with a margin for what swings from day to day."""
    filled = {day: values.filled for day, values in before.items() if len(values.filled)}
    lowest = usual_band({day: float(values.min()) for day, values in filled.items()})
    middle = usual_band({day: float(np.median(values)) for day, values in filled.items()})
    highest = usual_band({day: float(values.max()) for day, values in filled.items()})
    ranges = [(lowest.low, highest.high)] if lowest and highest else []
    if profile is not None and profile.minimum is not None and profile.maximum is not None:
        ranges.append((profile.minimum, profile.maximum))
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    margin = (high - low) * _MARGIN + (_SWINGS * middle.swing if middle else 0.0)
    return low - margin, high + margin
