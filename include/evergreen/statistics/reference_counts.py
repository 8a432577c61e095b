"""A reference brought to a window: its counts weighted to the window's weekdays, and the window's own values beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.reference_profile import WEEKDAYS, CategoryProfile, NumericProfile
from evergreen.statistics.column_profile import category_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from evergreen.reference_profile import ColumnProfile
    from evergreen.statistics.rows import Floats


@dataclass(frozen=True)
class Significance:
    """What a test of equal distributions found."""

    statistic: float
    p_value: float
    """Chance of a statistic at least as large if the distributions are equal; NaN where a side has no rows."""
    reference_rows: float
    """Independent rows that the reference is worth."""
    current_rows: float
    """Independent rows that the window is worth."""


def weighted_counts(profile: ColumnProfile, weekday_rows: ArrayLike | None = None) -> Floats:
    """Rows of the reference at each value, weighted to a mix of weekdays.

    A weekday that the reference has no rows of cannot be weighted up; its share falls to the others.

    Args:
        profile: The reference.
        weekday_rows: Rows of the window by weekday, Monday first, shape (7,), on any scale; None takes the reference as it is.

    Returns:
        Shape (n_values,), in the order of the profile's values or categories. Only proportions mean something, unless
        `weekday_rows` is None.
    """
    if weekday_rows is None:
        counts: Floats = _table(profile).sum(axis=0)
        return counts
    return np.asarray(_weekday_weights(profile, weekday_rows) @ _table(profile), dtype=np.float64)


def null_share(profile: ColumnProfile, weekday_rows: ArrayLike | None = None) -> float:
    """Share of rows without a value in the reference, weighted like `weighted_counts`; NaN without rows."""
    nulls = np.asarray(profile.nulls_by_weekday, dtype=np.float64)
    if weekday_rows is not None:
        nulls = nulls * _weekday_weights(profile, weekday_rows)
    rows = nulls.sum() + weighted_counts(profile, weekday_rows).sum()
    return float(nulls.sum() / rows) if rows > 0 else float("nan")


def effective_rows(profile: ColumnProfile, weekday_rows: ArrayLike | None = None) -> float:
    """Independent rows that the reference's rows with a value are worth.

    Rows are divided by the design effect. Weighting weekdays up and down costs some more.

    References:
        Kish, "Survey sampling", Wiley 1965, section 11.7: (sum of weights)^2 / sum of squared weights.
    """
    rows = _table(profile).sum(axis=1)
    weights = np.ones(WEEKDAYS) if weekday_rows is None else _weekday_weights(profile, weekday_rows)
    squares = float(weights**2 @ rows)
    return float(weights @ rows) ** 2 / squares / profile.design_effect if squares > 0 else 0.0


def as_rising(values: ArrayLike) -> Floats:
    """Return the finite values in rising order, shape (n_values,); what is finite and rising already is returned as it is."""
    numbers = np.asarray(values, dtype=np.float64)
    if np.all(numbers[1:] >= numbers[:-1]) and (not len(numbers) or np.isfinite(numbers[[0, -1]]).all()):
        return numbers
    finite = np.isfinite(numbers)
    return np.sort(numbers if finite.all() else numbers[finite])


def category_counts(values: ArrayLike) -> dict[str, int]:
    """Count the rows of each category, in sorted order; None and NaN are left out.

    Args:
        values: Text, shape (n_rows,).
    """
    codes, names = category_codes(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def aligned_shares(
    profile: CategoryProfile, current: Mapping[str, int], weekday_rows: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Shares of every category known to either side, those of the reference first, then what is new in sorted order.

    Args:
        profile: The reference.
        current: Rows of each category in the window.
        weekday_rows: See `weighted_counts`.

    Returns:
        Shares of the reference and of the window, each of shape (n_categories,); NaN on a side without rows.
    """
    new = sorted(set(current) - set(profile.counts))
    known = weighted_counts(profile, weekday_rows)
    ours = np.concatenate([known, np.zeros(len(new))])
    theirs = np.array([current.get(name, 0) for name in (*profile.counts, *new)], dtype=np.float64)
    return _shares(ours), _shares(theirs)


def _shares(counts: Floats) -> Floats:
    total = counts.sum()
    shares: Floats = counts / total if total > 0 else np.full(len(counts), np.nan)
    return shares


def _table(profile: ColumnProfile) -> Floats:
    """Return the counts, shape (7, n_values)."""
    if isinstance(profile, NumericProfile):
        return np.asarray(profile.counts, dtype=np.float64)
    return np.asarray(list(profile.counts.values()), dtype=np.float64).reshape(-1, WEEKDAYS).T


def _weekday_weights(profile: ColumnProfile, weekday_rows: ArrayLike) -> Floats:
    """Weight of a row by its weekday, shape (7,): the window's rows of the weekday over the reference's, missing ones too."""
    wanted = np.asarray(weekday_rows, dtype=np.float64)
    rows: Floats = _table(profile).sum(axis=1) + np.asarray(profile.nulls_by_weekday, dtype=np.float64)
    return np.divide(wanted, rows, out=np.zeros(WEEKDAYS), where=rows > 0)
