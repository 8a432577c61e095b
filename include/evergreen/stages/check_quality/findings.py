"""Everything the check of quality looks at, on plain frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.observation import Finding, Severity
from evergreen.reference_profile import CategoryProfile, NumericProfile
from evergreen.stages.check_quality.columns import categories_by_day, missing_column, numbers_by_day, type_finding
from evergreen.stages.check_quality.days import day_findings, rows_by_day
from evergreen.stages.check_quality.scale import scale_finding
from evergreen.stages.check_quality.shares import category_finding, null_finding, range_finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from evergreen.definitions.monitoring import Quality
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.stages.check_quality.days import Positions


def quality_findings(
    rows: pd.DataFrame,
    trailing: pd.DataFrame,
    *,
    days: Sequence[date],
    numeric: Sequence[str],
    categorical: Sequence[str],
    reference: ReferenceProfile,
    rules: Quality,
) -> tuple[Finding, ...]:
    """Look for faults of the data, each day on its own; a column that is missing, empty or of another type is a finding.

    Args:
        rows: Rows of the days that are checked: `_day` and the features.
        trailing: The same columns for the days before; may be empty.
        days: Days that ought to be there.
        numeric: Numeric features of the release.
        categorical: Categorical ones.
        reference: The release's own reference.
        rules: The thresholds.

    Returns:
        One finding per missing day, one for the row counts, and per feature one for each thing looked at; the worst day
        speaks, and `days` names all days at fault.
    """
    if not days:
        nothing = Finding(check="missing_day", subject="days", severity=Severity.UNKNOWN, reason="there was no day to check")
        return (nothing,)
    night = _Night(rows, trailing, rows_by_day(rows), rows_by_day(trailing), reference, rules)
    findings: list[Finding | None] = [*day_findings(night.found, night.before, days, reference, rules)]
    if night.found:
        for name in (*numeric, *categorical):
            if name not in rows:
                findings.append(missing_column(name, sorted(night.found)))
            else:
                findings += night.of_category(name) if name in categorical else night.of_number(name)
    return tuple(finding for finding in findings if finding is not None)


@dataclass(frozen=True)
class _Night:
    """Everything one feature is judged by."""

    rows: pd.DataFrame
    trailing: pd.DataFrame
    found: Mapping[date, Positions]
    before: Mapping[date, Positions]
    reference: ReferenceProfile
    rules: Quality

    def of_number(self, name: str) -> list[Finding | None]:
        """Return what is found about a numeric feature."""
        profile = self.reference.features.get(name)
        known = profile if isinstance(profile, NumericProfile) else None
        today = numbers_by_day(self.rows[name], self.found)
        earlier = numbers_by_day(self.trailing[name], self.before) if name in self.trailing else {}
        return [
            type_finding(name, today, self.rules.max_null_share_rise),
            null_finding(name, today, earlier, profile, self.rules.max_null_share_rise),
            range_finding(name, today, earlier, known, self.rules.max_out_of_range_share),
            scale_finding(name, today, earlier, known, self.rules.max_scale_change),
        ]

    def of_category(self, name: str) -> list[Finding | None]:
        """Return what is found about a categorical feature."""
        profile = self.reference.features.get(name)
        known = self._known_categories(name)
        today = categories_by_day(self.rows[name], self.found, known)
        earlier = categories_by_day(self.trailing[name], self.before, known) if name in self.trailing else {}
        return [
            null_finding(name, today, earlier, profile, self.rules.max_null_share_rise),
            category_finding(name, today, earlier, self.rules.max_new_category_share),
        ]

    def _known_categories(self, name: str) -> set[str]:
        """Return the categories of the reference; without a reference, those of the trailing days."""
        profile = self.reference.features.get(name)
        if isinstance(profile, CategoryProfile):
            return set(profile.counts)
        return {str(value) for value in self.trailing[name].dropna().unique()} if name in self.trailing else set()
