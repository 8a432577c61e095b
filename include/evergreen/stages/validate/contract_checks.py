"""Checks of the contract: rows at all, keys once, few missing values, little set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.results import Check, CheckOutcome
from evergreen.stages.validate.wording import bounded, days_and_values, per_cent, rows_text

if TYPE_CHECKING:
    from evergreen.definitions.validation import TableValidation
    from evergreen.stages.validate.measurement import TableMeasurement

_DROPPED = {"none": "", "exact": "whole-row copies dropped", "keep_last": "earlier rows of a key dropped"}


def has_rows(measured: TableMeasurement) -> Check:
    """An empty table fails: most expectations would pass on no rows."""
    rows = sum(profile.rows for profile in measured.profiles.values())
    outcome = CheckOutcome.PASSED if rows > 0 else CheckOutcome.FAILED
    return Check(
        table=measured.table, name="rows are there", target="", outcome=outcome, found=rows_text(rows), allowed="at least 1 row"
    )


def keys_are_unique(measured: TableMeasurement, rules: TableValidation) -> Check:
    """A key names one row; what the declared de-duplication dropped is counted, not hidden."""
    copies = sum(measured.profiles[day].copies for day in measured.new_days)
    found = f"{rows_text(measured.repeated_keys)} with a key that another row has too"
    if rules.deduplicate != "none":
        found += f"; {rows_text(copies)} dropped before"
    return Check(
        table=measured.table,
        name="keys are unique",
        target="",
        outcome=CheckOutcome.FAILED if measured.repeated_keys else CheckOutcome.PASSED,
        found=found,
        allowed="every key once" + (f", {_DROPPED[rules.deduplicate]}" if rules.deduplicate != "none" else ""),
        rows=measured.repeated_keys,
        examples=measured.repeated_key_examples,
    )


def null_shares(measured: TableMeasurement, rules: TableValidation) -> list[Check]:
    """Each limited column has few enough missing values on every new day that is due."""
    checks = []
    for column, limit in rules.max_null_share.items():
        shares = {}
        unknown = False
        for day in measured.new_days:
            profile = measured.profiles[day]
            if profile.due and profile.rows:
                unknown |= column not in profile.nulls
                shares[day] = profile.nulls.get(column, profile.rows) / profile.rows
        failing = {day: per_cent(share) for day, share in shares.items() if share > limit}
        if unknown:
            found = "the table has no such column"
        elif failing:
            found = days_and_values(failing)
        else:
            found = f"at most {per_cent(max(shares.values()))} on any day" if shares else "no new day is due yet"
        checks.append(
            Check(
                table=measured.table,
                name="missing values are few",
                target=column,
                outcome=CheckOutcome.FAILED if failing or unknown else CheckOutcome.PASSED,
                found=found,
                allowed=f"at most {per_cent(limit)} on any day",
                days=tuple(failing)[:10],
            )
        )
    return checks


def quarantine_is_small(measured: TableMeasurement, max_share: float) -> Check:
    """Setting aside more than a small share of the new rows would hide that the delivery is broken."""
    share = measured.quarantined / measured.new_rows if measured.new_rows else 0.0
    reasons = sorted(measured.reasons.items(), key=lambda item: -item[1])
    why = bounded([f"{rows:,} for {reason}" for reason, rows in reasons], 3)
    return Check(
        table=measured.table,
        name="quarantine is small",
        target="",
        outcome=CheckOutcome.FAILED if share > max_share else CheckOutcome.PASSED,
        found=f"{rows_text(measured.quarantined)} of {measured.new_rows:,} new ({per_cent(share)})"
        + (f": {why}" if why else ""),
        allowed=f"at most {per_cent(max_share)} of the new rows",
        rows=measured.quarantined,
    )
