"""Checks of rules about rows, columns and tables: the contract's own and Great Expectations'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.results import Check, CheckOutcome
from evergreen.stages.validate.wording import days_and_values, per_cent, rows_text, said_days

if TYPE_CHECKING:
    from evergreen.stages.validate.measurement import RuleMeasurement, TableMeasurement

_BY_SEVERITY = {"fail": CheckOutcome.FAILED, "quarantine": CheckOutcome.QUARANTINED, "warn": CheckOutcome.WARNED}


def rules_hold(measured: TableMeasurement) -> list[Check]:
    """One check per rule.

    A rule that could not be judged fails whatever its severity, and so does one that is to quarantine rows but knows none.
    """
    return [
        Check(
            table=measured.table,
            name=rule.name,
            target=rule.target,
            outcome=_outcome(rule),
            found=_found(rule),
            allowed=rule.allowed,
            rows=rule.failing_rows,
            days=tuple(rule.failing_days)[:10],
            examples=tuple(f"{example.key}: {example.value}" for example in rule.examples[:5]),
        )
        for rule in measured.rules
    ]


def _outcome(rule: RuleMeasurement) -> CheckOutcome:
    if rule.error:
        return CheckOutcome.FAILED
    if not rule.failing_days:
        return CheckOutcome.PASSED
    if rule.severity == "quarantine" and not rule.failing_rows:
        return CheckOutcome.FAILED
    return _BY_SEVERITY[rule.severity]


def _found(rule: RuleMeasurement) -> str:
    if rule.error:
        return f"could not be judged: {rule.error}"
    if not rule.judged:
        return "no new rows to judge" if rule.by == "row" else "no new day is due yet"
    if not rule.failing_days:
        return f"held by {rows_text(rule.judged)}" if rule.by == "row" else f"held on {rule.judged} of {rule.judged} days"
    if rule.by == "row":
        days = said_days(list(rule.failing_days))
        return f"{rows_text(rule.failing_rows)} of {rule.judged:,} ({per_cent(rule.failing_rows / rule.judged)}), on {days}"
    return days_and_values(rule.failing_days)
