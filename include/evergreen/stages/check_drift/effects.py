"""How far one column has moved, and whether by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evergreen.observation import Finding, Severity
from evergreen.reference_profile import NumericProfile
from evergreen.statistics.chi_square import chi_square
from evergreen.statistics.jensen_shannon import jensen_shannon
from evergreen.statistics.kolmogorov_smirnov import kolmogorov_smirnov
from evergreen.statistics.reference_counts import category_counts
from evergreen.statistics.wasserstein import wasserstein

if TYPE_CHECKING:
    from evergreen.reference_profile import ColumnProfile
    from evergreen.statistics.rows import Floats

WARN_AT = 0.6
"""Share of the way to a limit from which a movement that is no chance is warned about."""


@dataclass(frozen=True)
class Movement:
    """How far one column has moved."""

    effect: float
    """Normed Wasserstein or Jensen-Shannon distance, NaN where a side has no value."""
    p_value: float
    """Not yet corrected; NaN likewise."""
    rows: int
    """Rows of the window with a value."""
    independent_rows: float
    """As many as those rows are worth."""
    unit: str
    """What the effect is measured in, in words."""


def measure_movement(column: pd.Series, profile: ColumnProfile, weekday_rows: Floats | None) -> Movement:
    """Measure how far a column has moved from its reference.

    Args:
        column: The window's values; what is no number counts as missing where a number is expected.
        profile: Its reference.
        weekday_rows: The mix of weekdays to weight the reference to, shape (7,); None takes it as it is.
    """
    if isinstance(profile, NumericProfile):
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        rising = np.sort(numbers[np.isfinite(numbers)])
        test = kolmogorov_smirnov(profile, rising, weekday_rows)
        effect = wasserstein(profile, rising, weekday_rows)
        return Movement(effect, test.p_value, len(rising), test.current_rows, "standard deviations")
    counts = category_counts(column.to_numpy(dtype=object))
    test = chi_square(profile, counts, weekday_rows)
    effect = jensen_shannon(profile, counts, weekday_rows)
    return Movement(effect, test.p_value, sum(counts.values()), test.current_rows, "Jensen-Shannon distance")


def nothing_measured() -> Movement:
    """Return the movement of a column that is not there."""
    return Movement(nan, nan, 0, 0.0, "")


def judge_movement(
    check: str, subject: str, movement: Movement, *, limit: float, p_value: float, alpha: float, min_rows: int
) -> Finding:
    """Judge a movement: critical only where it is both large and no chance.

    Args:
        check: Name of the check.
        subject: What moved.
        movement: How far.
        limit: Smallest effect that matters.
        p_value: Corrected for the number of columns.
        alpha: Largest p-value that is no chance.
        min_rows: Fewest rows for a word about it.
    """
    measured = not isnan(movement.effect) and not isnan(p_value)
    if not measured or movement.rows < min_rows:
        reason = f"`{subject}` has {movement.rows:,} values in the window; {min_rows:,} are needed to tell"
        return Finding(check=check, subject=subject, severity=Severity.UNKNOWN, limit=limit, rows=movement.rows, reason=reason)
    sure = p_value <= alpha
    severity = Severity.OK
    if sure and movement.effect >= WARN_AT * limit:
        severity = Severity.CRITICAL if movement.effect >= limit else Severity.WARNING
    chance = "no chance" if sure else "as much as chance may do"
    return Finding(
        check=check,
        subject=subject,
        severity=severity,
        value=movement.effect,
        limit=limit,
        p_value=p_value,
        rows=movement.rows,
        reason=(
            f"`{subject}` has moved by {movement.effect:.3f} {movement.unit} from the release's reference; from {limit:g} it "
            f"matters; {chance} (p = {p_value:.2g}; {movement.rows:,} rows worth {movement.independent_rows:,.0f} "
            "independent ones)"
        ),
    )
