"""Which days may be judged. Pure.

The answers that come first are not like the others: a fraud is reported within days, the lack of one shows after months. So a
day is judged as a whole, when it is old enough for its labels to have come, and left out when they have not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.features.windows import ONE_DAY
from evergreen.observation import Finding, Severity

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from evergreen.definitions.monitoring import Performance

LABEL_DAYS = "_label_days"
"""Days from the end of a row's day until its label could be read; NaN while it is unknown."""


@dataclass(frozen=True)
class Cohort:
    """The mature days that are judged together."""

    rows: pd.DataFrame
    """Their labelled rows with a usable probability, with `day_number`: the day's place in `days`."""
    days: tuple[date, ...]
    asked: int
    """Rows of these days, labelled or not."""
    unusable: int
    """Labelled rows whose probability is missing or out of range."""
    left_out: dict[date, float]
    """Days of the window with too few labels, and their labelled share."""
    usual: float
    """Share of labels that older mature days have; NaN without any."""
    late_share: float
    """Share of their labels that came later than `mature_after`; NaN where nothing tells."""

    @property
    def labelled_share(self) -> float:
        """Share of the judged days' rows whose label has arrived; NaN without rows."""
        return (len(self.rows) + self.unusable) / self.asked if self.asked else float("nan")

    @property
    def positives(self) -> int:
        """Rows that came true."""
        return int(self.rows["label"].sum())


def mature_cohort(outcomes: pd.DataFrame, rules: Performance, last_mature_day: date | None) -> Cohort:
    """Return the newest mature days that may be judged.

    Args:
        outcomes: `_day`, `probability`, `label` (NaN while unknown), and `_label_days` where it is known.
        rules: How long to wait and how much is enough.
        last_mature_day: The newest day whose labels have been waited for; None where none has.
    """
    none_yet = np.zeros(len(outcomes), dtype=bool)
    mature = outcomes[none_yet if last_mature_day is None else (outcomes["_day"] <= last_mature_day)]
    share = mature["label"].notna().groupby(mature["_day"]).mean().sort_index()
    older = set(share.index[: (len(share) + 1) // 2])
    usual = float(share[list(older)].median()) if older else float("nan")
    first = None if last_mature_day is None else last_mature_day - rules.window + ONE_DAY
    window = share[[day for day in share.index if first is not None and day >= first]]
    shares: dict[date, float] = {day: float(window[day]) for day in window.index}
    left_out = {day: found for day, found in shares.items() if found < rules.min_labelled_share * usual}
    of_days = mature[mature["_day"].isin(shares.keys() - left_out.keys())]
    labelled = of_days[of_days["label"].notna()]
    usable = labelled[labelled["probability"].between(0, 1)]
    # A day all of whose answers are unusable is no cluster: clusters are numbered by the days that are left.
    kept, numbers = np.unique(usable["_day"].to_numpy(dtype="datetime64[D]"), return_inverse=True)
    return Cohort(
        rows=usable.assign(day_number=numbers.astype(np.int64)),
        days=tuple(kept.tolist()),
        asked=len(of_days),
        unusable=len(labelled) - len(usable),
        left_out=left_out,
        usual=usual,
        late_share=_late_share(mature[mature["_day"].isin(older)], rules),
    )


def maturity_findings(cohort: Cohort, rules: Performance) -> list[Finding]:
    """Say which days were left out, and whether labels come later than they are waited for."""
    findings = [_left_out(cohort, rules)] if cohort.left_out else []
    if np.isfinite(cohort.late_share):
        findings.append(_late(cohort, rules))
    return findings


def _late_share(older: pd.DataFrame, rules: Performance) -> float:
    """Young days cannot tell: what comes late has not come yet."""
    if LABEL_DAYS not in older.columns:
        return float("nan")
    waited = older[LABEL_DAYS].dropna()
    return float((waited > rules.mature_after / ONE_DAY).mean()) if len(waited) else float("nan")


def _left_out(cohort: Cohort, rules: Performance) -> Finding:
    days, lowest = sorted(cohort.left_out), min(cohort.left_out.values())
    return Finding(
        check="maturity",
        subject="labelled_share",
        severity=Severity.WARNING,
        value=lowest,
        limit=rules.min_labelled_share * cohort.usual,
        days=tuple(days),
        reason=f"{len(days)} of the days that should be mature are left out, the first {days[0]}: only {lowest:.0%} of their "
        f"labels are in, where {cohort.usual:.0%} is usual",
    )


def _late(cohort: Cohort, rules: Performance) -> Finding:
    limit = 1 - rules.min_labelled_share
    is_late = cohort.late_share > limit
    waited = rules.mature_after / ONE_DAY
    found = f"{cohort.late_share:.0%} of labels came later than {waited:g} days after their day"
    return Finding(
        check="maturity",
        subject="mature_after",
        severity=Severity.WARNING if is_late else Severity.OK,
        value=cohort.late_share,
        limit=limit,
        reason=f"{found}: raise monitoring.performance.mature_after" if is_late else found,
    )
