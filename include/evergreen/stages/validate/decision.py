"""Decide: measurements and rules in, checks out. Pure, so that each threshold is tested on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions.validation import TableValidation
from evergreen.results import Check, CheckOutcome
from evergreen.stages.validate import contract_checks, history_checks, label_check, rule_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evergreen.definitions.validation import Validation
    from evergreen.stages.validate.measurement import TableMeasurement


def decide(measurements: Iterable[TableMeasurement], validation: Validation) -> tuple[Check, ...]:
    """Judge every table; a table without a section of its own gets the defaults.

    Returns:
        Every check, passed ones too, failures of a table before the rest.
    """
    checks: list[Check] = []
    for measured in measurements:
        rules = validation.tables.get(measured.table, TableValidation())
        found = [
            contract_checks.has_rows(measured),
            contract_checks.keys_are_unique(measured, rules),
            *history_checks.is_fresh(measured, rules),
            *history_checks.days_are_there(measured, rules.row_count),
            *history_checks.row_counts(measured, rules.row_count),
            *contract_checks.null_shares(measured, rules),
            *label_check.label_has_two_classes(measured),
            *rule_checks.rules_hold(measured),
            *history_checks.nothing_new(measured, rules.novelty),
            contract_checks.quarantine_is_small(measured, validation.max_quarantine_share),
        ]
        checks += sorted(found, key=lambda check: _ORDER.index(check.outcome))
    return tuple(checks)


def failures(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks that stop the run."""
    return tuple(check for check in checks if check.outcome is CheckOutcome.FAILED)


_ORDER = [CheckOutcome.FAILED, CheckOutcome.QUARANTINED, CheckOutcome.WARNED, CheckOutcome.PASSED]
