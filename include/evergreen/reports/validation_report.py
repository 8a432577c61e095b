"""The validation page: did the night pass; if not, which check, found against allowed; and how the nights before went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.reports.day_chart import day_chart
from evergreen.reports.page import render_page
from evergreen.results import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from evergreen.results import Check


@dataclass(frozen=True)
class NullLine:
    """Missing values of one column."""

    column: str
    new_share: float
    earlier_share: float | None
    limit: float | None


@dataclass(frozen=True)
class QuarantineLine:
    """One row set aside."""

    row_id: str
    day: date
    key: str
    reasons: str


@dataclass(frozen=True)
class TableSection:
    """One table of the page."""

    name: str
    checks: tuple[Check, ...]
    new_days: tuple[date, ...]
    new_rows: int
    quarantined: int
    day_rows: dict[date, int]
    """Rows by day for the chart; a day without any is absent."""
    usual_rows: tuple[float, float] | None
    """Fewest and most rows that the newest day may have, where it was compared."""
    nulls: tuple[NullLine, ...]
    quarantine: tuple[QuarantineLine, ...]

    @property
    def outcome(self) -> CheckOutcome:
        """The worst outcome of its checks."""
        return worst(self.checks)


@dataclass(frozen=True)
class NightLine:
    """One night of the history."""

    as_of: datetime
    outcome: CheckOutcome
    new_rows: int
    quarantined: int
    warnings: int
    told: str
    """The first failure, or nothing."""
    href: str
    """Page of that night, relative to this one."""


_ORDER = (CheckOutcome.FAILED, CheckOutcome.QUARANTINED, CheckOutcome.WARNED, CheckOutcome.PASSED)


def worst(checks: Sequence[Check]) -> CheckOutcome:
    """Return the worst outcome of some checks; passed when there is none."""
    return min((check.outcome for check in checks), key=_ORDER.index, default=CheckOutcome.PASSED)


def render_validation_page(
    *, model: str, as_of: datetime, tables: Sequence[TableSection], history: Sequence[NightLine], snapshot_digest: str
) -> str:
    """Render one night.

    Args:
        model: Name of the model definition.
        as_of: The night's as-of, in the definition's time zone.
        tables: Every table, in the definition's order.
        history: Nights up to and including this one, newest first.
        snapshot_digest: What was judged.
    """
    checks = [check for table in tables for check in table.checks]
    by_outcome = {outcome: [check for check in checks if check.outcome is outcome] for outcome in CheckOutcome}
    return render_page(
        "validation.html",
        title=f"Validation of {model}, {as_of:%Y-%m-%d}",
        model=model,
        as_of=as_of,
        failed=by_outcome[CheckOutcome.FAILED],
        warned=by_outcome[CheckOutcome.WARNED],
        checks=checks,
        tables=sorted(tables, key=lambda table: _ORDER.index(table.outcome)),
        charts={table.name: day_chart(table.day_rows, table.new_days, table.usual_rows) for table in tables},
        new_rows=sum(table.new_rows for table in tables),
        quarantined=sum(table.quarantined for table in tables),
        history=history,
        snapshot_digest=snapshot_digest,
        tones={"failed": "bad", "quarantined": "aside", "warned": "warn", "passed": "good"},
        words={
            "failed": "✕ failed",
            "quarantined": "◐ to be set aside" if by_outcome[CheckOutcome.FAILED] else "◐ set aside",
            "warned": "! warned",
            "passed": "✓ passed",
        },
    )
