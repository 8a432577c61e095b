"""From measurements and checks to the sections of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.reports.validation_report import NullLine, QuarantineLine, TableSection
from evergreen.stages.validate.history_checks import usual_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions.validation import TableValidation
    from evergreen.results import Check
    from evergreen.stages.validate.measurement import DayProfile, TableMeasurement
    from evergreen.stages.validate.measuring import MeasuredTable

_QUARANTINE_EXAMPLES = 10


def table_section(measured: MeasuredTable, checks: Sequence[Check], rules: TableValidation, key: Sequence[str]) -> TableSection:
    """Build one table's section of the page."""
    numbers = measured.measurement
    return TableSection(
        name=numbers.table,
        checks=tuple(check for check in checks if check.table == numbers.table),
        new_days=numbers.new_days,
        new_rows=numbers.new_rows,
        quarantined=numbers.quarantined,
        day_rows={day: profile.rows for day, profile in numbers.profiles.items() if profile.rows},
        usual_rows=_band(numbers, rules),
        nulls=_null_lines(numbers, rules),
        quarantine=_quarantine_lines(measured, key),
    )


def _band(measured: TableMeasurement, rules: TableValidation) -> tuple[float, float] | None:
    due = [day for day, profile in measured.profiles.items() if profile.due]
    usual = usual_rows(measured, max(due), rules.row_count) if due and not measured.reference else None
    return (usual * rules.row_count.min_share, usual * rules.row_count.max_share) if usual else None


def _null_lines(measured: TableMeasurement, rules: TableValidation) -> tuple[NullLine, ...]:
    new = [measured.profiles[day] for day in measured.new_days]
    earlier = [profile for day, profile in measured.profiles.items() if day not in measured.new_days]
    columns = [column for column in (new[-1].nulls if new else {}) if not column.startswith("_")]
    lines = [
        NullLine(column, _share(new, column) or 0.0, _share(earlier, column), rules.max_null_share.get(column))
        for column in columns
    ]
    shown = [line for line in lines if line.new_share or line.earlier_share or line.limit is not None]
    return tuple(sorted(shown, key=lambda line: -line.new_share))


def _share(profiles: Sequence[DayProfile], column: str) -> float | None:
    rows = sum(profile.rows for profile in profiles)
    return sum(profile.nulls.get(column, 0) for profile in profiles) / rows if rows else None


def _quarantine_lines(measured: MeasuredTable, key: Sequence[str]) -> tuple[QuarantineLine, ...]:
    lines: list[QuarantineLine] = []
    for day, rows in sorted(measured.quarantine.items()):
        for row in rows.slice(0, _QUARANTINE_EXAMPLES - len(lines)).to_pylist():
            name = ", ".join("missing" if row[column] is None else str(row[column]) for column in key)
            lines.append(QuarantineLine(row["_row_id"], day, name, row["_reasons"]))
    return tuple(lines)
