"""A column as a profile: how often each value came, by weekday. The reference that later rows are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evergreen.reference_profile import WEEKDAYS, CategoryProfile, NumericProfile
from evergreen.statistics.design_effect import design_effect_of_categories, design_effect_of_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from evergreen.statistics.rows import Floats, Integers

MAX_POINTS = 5000
"""Most values of a profile. Run means of 1/5000 of the rows each move a normed Wasserstein distance by less than 0.0005 unless
tails are very heavy."""


def profile_numeric(values: ArrayLike, days: ArrayLike, *, max_points: int = MAX_POINTS) -> NumericProfile:
    """Profile a number.

    With up to `max_points` different values every one of them is kept. With more, neighbours are put together in runs of
    equally many rows and each run stands at its mean, so that the mean of all stays what it was. Equal values are never parted:
    a value that many rows share is a run of its own.

    The same rows in any order give the same profile.

    Args:
        values: Shape (n_rows,), NaN for missing; infinite values count as missing.
        days: Day of each row, datetime64[D], shape (n_rows,).
        max_points: Most values kept.
    """
    numbers, row_days = np.asarray(values, dtype=np.float64), np.asarray(days, dtype="datetime64[D]")
    known = np.isfinite(numbers)
    if not known.all():
        numbers, known_days = numbers[known], row_days[known]
    else:
        known_days = row_days
    order = np.argsort(numbers)
    rising, rising_days = numbers[order] + 0.0, known_days[order]  # + 0.0: -0.0 and 0.0 are one value
    starts = np.flatnonzero(np.r_[True, np.diff(rising) > 0])[: len(rising)]
    sizes = np.diff(np.append(starts, len(rising)))
    runs = _runs(starts, sizes, max_points)
    ranks = np.repeat(starts + (sizes + 1) / 2, sizes)
    return NumericProfile(
        rows=len(known),
        nulls=int(len(known) - known.sum()),
        nulls_by_weekday=_by_weekday(row_days[~known]),
        values=tuple(_run_means(rising, starts, runs).tolist()),
        counts=_table(weekdays(rising_days), np.repeat(runs, sizes), int(runs[-1]) + 1 if len(runs) else 0),
        exact=len(starts) <= max_points,
        minimum=float(rising[0]) if len(rising) else None,
        maximum=float(rising[-1]) if len(rising) else None,
        mean=float(np.mean(rising)) if len(rising) else None,
        standard_deviation=float(np.std(rising)) if len(rising) else None,
        design_effect=design_effect_of_numbers(ranks, rising_days),
    )


def profile_category(values: ArrayLike, days: ArrayLike) -> CategoryProfile:
    """Profile a category; every value is kept.

    The same rows in any order give the same profile.

    Args:
        values: Text, shape (n_rows,), None or NaN for missing.
        days: Day of each row, datetime64[D], shape (n_rows,).
    """
    row_days = np.asarray(days, dtype="datetime64[D]")
    codes, names = category_codes(values)
    known = codes >= 0
    known_codes, known_days = codes[known], row_days[known]
    table = _table(weekdays(known_days), known_codes, len(names))
    return CategoryProfile(
        rows=len(codes),
        nulls=int(len(codes) - known.sum()),
        nulls_by_weekday=_by_weekday(row_days[~known]),
        counts={name: tuple(rows[number] for rows in table) for number, name in enumerate(names)},
        design_effect=design_effect_of_categories(known_codes, known_days),
    )


def category_codes(values: ArrayLike) -> tuple[Integers, tuple[str, ...]]:
    """Number the categories of a column.

    Args:
        values: Text, shape (n_rows,), None or NaN for missing.

    Returns:
        Number of each row's category, -1 for missing, shape (n_rows,), and the categories in sorted order.
    """
    codes, found = pd.factorize(np.asarray(values, dtype=object))
    texts = [str(value) for value in found]
    names = tuple(sorted(set(texts)))
    position = {name: number for number, name in enumerate(names)}
    # One more place, at the end, for the -1 of what is missing.
    numbered = np.array([*(position[text] for text in texts), -1], dtype=np.int64)
    return numbered[codes], names


def weekdays(days: NDArray[np.datetime64]) -> Integers:
    """Weekday of each day, Monday is 0, shape (n_rows,)."""
    since: Integers = days.astype("datetime64[D]").astype(np.int64)
    return (since + 3) % WEEKDAYS  # day 0, 1970-01-01, was a Thursday


def rows_by_weekday(days: ArrayLike) -> Floats:
    """Rows of each weekday, Monday first, shape (7,): the mix to which a reference is weighted.

    Args:
        days: Day of each row, datetime64[D], shape (n_rows,).
    """
    counts = np.bincount(weekdays(np.asarray(days, dtype="datetime64[D]")), minlength=WEEKDAYS)
    return counts.astype(np.float64)


def _runs(starts: Integers, sizes: Integers, max_points: int) -> Integers:
    """Number the run of each distinct value, rising by one, shape (n_distinct,)."""
    if len(starts) <= max_points:
        return np.arange(len(starts))
    # By its middle row, so that a value of many rows is put with no neighbour before or after it.
    bucket = np.floor((starts + (sizes - 1) / 2) * (max_points / (starts[-1] + sizes[-1])))
    return np.cumsum(np.r_[False, np.diff(bucket) > 0], dtype=np.int64)


def _run_means(rising: Floats, starts: Integers, runs: Integers) -> Floats:
    """Mean of the rows of each run, strictly rising, shape (n_runs,)."""
    if not len(rising):
        return rising
    first = starts[np.flatnonzero(np.r_[True, np.diff(runs) > 0])]
    after = np.append(first[1:], len(rising))
    means = np.add.reduceat(rising, first) / (after - first)
    # Rounding must not carry a mean out of its run, where it might meet the next one.
    return np.clip(means, rising[first], rising[after - 1])


def _by_weekday(days: NDArray[np.datetime64]) -> tuple[int, ...]:
    return tuple(int(rows) for rows in rows_by_weekday(days))


def _table(weekday: Integers, codes: Integers, n_codes: int) -> tuple[tuple[int, ...], ...]:
    """Count rows by weekday and code, shape (7, n_codes)."""
    counts = np.bincount(weekday * n_codes + codes, minlength=WEEKDAYS * n_codes)
    return tuple(tuple(row) for row in counts.reshape(WEEKDAYS, n_codes).tolist())
