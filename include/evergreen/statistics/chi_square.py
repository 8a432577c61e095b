"""Chi-square test of two samples: whether the shares of categories have moved at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from evergreen.statistics.reference_counts import Significance, aligned_shares, effective_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from evergreen.reference_profile import CategoryProfile
    from evergreen.statistics.rows import Floats

MIN_EXPECTED = 5.0
"""Fewest independent rows expected of a category on either side; rarer ones are put together."""


def chi_square(
    profile: CategoryProfile,
    current: Mapping[str, int],
    weekday_rows: ArrayLike | None = None,
    *,
    design_effect: float | None = None,
) -> Significance:
    """Test of homogeneity: both sides are samples, so both vary by chance.

    Taking the reference's shares for the truth instead alarms several times too often. Both sides count as many rows as they
    are worth independent ones. Categories with fewer than 5 expected rows on either side are put together, the rarest first.

    Args:
        profile: The reference.
        current: Rows of each category in the window, missing ones left out.
        weekday_rows: See `weighted_counts`.
        design_effect: Of the window; None takes the reference's, whose days are like the window's days.

    Returns:
        The statistic, 0 up, and its p-value: 0 and 1 where one category is left; both NaN where a side has no value.

    References:
        Pearson, "On the criterion that a given system of deviations ...", Philosophical Magazine 1900; Rao and Scott, "The
        analysis of categorical data from complex sample surveys", JASA 1981, on the division by the design effect; Cochran,
        "Some methods for strengthening the common chi-square tests", Biometrics 1954, on rare categories.
    """
    shares, shares_now = aligned_shares(profile, current, weekday_rows)
    ours = effective_rows(profile, weekday_rows)
    theirs = sum(current.values()) / (profile.design_effect if design_effect is None else design_effect)
    if not len(shares) or np.isnan(shares[0]) or np.isnan(shares_now[0]):
        return Significance(float("nan"), float("nan"), ours, theirs)
    rows = _put_rare_together(np.vstack([shares * ours, shares_now * theirs]))
    if rows.shape[1] < 2:
        return Significance(0.0, 1.0, ours, theirs)
    expected = rows.sum(axis=1, keepdims=True) * rows.sum(axis=0) / rows.sum()
    statistic = float(np.sum((rows - expected) ** 2 / expected))
    return Significance(statistic, float(chdtrc(rows.shape[1] - 1, statistic)), ours, theirs)


def _put_rare_together(rows: Floats) -> Floats:
    """Put categories together, the rarest first, until each has enough expected rows; shape (2, n_categories) to (2, fewer).

    Looks only at both sides together, so that it says nothing about how they differ.
    """
    together = rows.sum(axis=0)
    rows, together = rows[:, together > 0], together[together > 0]
    order = np.argsort(together, kind="stable")
    rows, together = rows[:, order], together[order]
    expected = np.cumsum(together) * float(rows.sum(axis=1).min()) / float(together.sum())
    each = np.diff(expected, prepend=0.0)
    if not len(each) or each[0] >= MIN_EXPECTED:
        return rows
    # The rare ones, and then as many of the others as it takes for the heap itself to be large enough.
    n_rare = int(np.searchsorted(each, MIN_EXPECTED))
    n_heap = min(max(n_rare, int(np.searchsorted(expected, MIN_EXPECTED)) + 1), rows.shape[1])
    return np.column_stack([rows[:, :n_heap].sum(axis=1), rows[:, n_heap:]])
