"""A failed night in words: ten checks and five examples at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import DataValidationError
from evergreen.stages.validate.wording import said_days

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.results import Check

_MAX_CHECKS = 10
_MAX_EXAMPLES = 5


def validation_error(model: str, as_of: datetime, failed: Sequence[Check], report_uri: str) -> DataValidationError:
    """Say which checks failed, what was found against what is allowed, and what to do.

    Args:
        model: Name of the model definition.
        as_of: The night's as-of, in the definition's time zone.
        failed: The failed checks, at least one.
        report_uri: The night's page.
    """
    shown = failed[:_MAX_CHECKS]
    more = f"\n           and {len(failed) - len(shown)} more" if len(failed) > len(shown) else ""
    found = "\n           ".join(f"{_place(check)}: {check.found}{_examples(check)}" for check in shown) + more
    allowed = "\n           ".join(f"{_place(check)}: {check.allowed}" for check in shown) + more
    days = sorted({day for check in failed for day in check.days})
    tables = ", ".join(dict.fromkeys(check.table for check in failed))
    where = f"{tables}, {said_days(days)}" if days else tables
    return DataValidationError(
        f"the data of {model} as of {as_of:%Y-%m-%d %H:%M} is not fit to learn from: {len(failed)} of its checks failed",
        found=found,
        allowed=allowed,
        remedy=f"read {report_uri}; correct the delivered rows ({where}) and run again, "
        "or, if they are right, change `validation` in model.yaml; the same rows and rules fail again without being judged",
    )


def _place(check: Check) -> str:
    return f"{check.table}.{check.target} ({check.name})" if check.target else f"{check.table} ({check.name})"


def _examples(check: Check) -> str:
    if not check.examples:
        return ""
    return f"; such as {' | '.join(check.examples[:_MAX_EXAMPLES])}"
