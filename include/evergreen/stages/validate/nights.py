"""The record of nights: one row per check and night, in the table `validations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.reports.validation_report import NightLine
from evergreen.results import Check, CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, tzinfo

    from evergreen.stages.validate.measurement import TableMeasurement
    from evergreen.tables.day_table import DayTable

MAX_NIGHTS = 60
_SCHEMA = pa.schema(
    [
        ("as_of", pa.timestamp("us", "UTC")),
        ("run", pa.string()),
        ("report", pa.string()),
        ("table", pa.string()),
        ("name", pa.string()),
        ("target", pa.string()),
        ("outcome", pa.string()),
        ("found", pa.string()),
        ("allowed", pa.string()),
        ("rows", pa.int64()),
        ("new_rows", pa.int64()),
        ("quarantined_rows", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Night:
    """One run of validation."""

    as_of: datetime
    run: str
    """Digest of what was judged by which rules."""
    report: str
    """File name of its page."""
    checks: Sequence[Check]
    measurements: Sequence[TableMeasurement]


def night_rows(night: Night) -> pa.Table:
    """Return a night as rows of the table `validations`."""
    counts = {measured.table: measured for measured in night.measurements}
    rows = [
        {
            "as_of": night.as_of,
            "run": night.run,
            "report": night.report,
            "table": check.table,
            "name": check.name,
            "target": check.target,
            "outcome": check.outcome.value,
            "found": check.found,
            "allowed": check.allowed,
            "rows": check.rows,
            "new_rows": counts[check.table].new_rows,
            "quarantined_rows": counts[check.table].quarantined,
        }
        for check in night.checks
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def record_night(nights: DayTable, day: date, night: Night) -> None:
    """Add a night to its day; the same run judged again takes its old place."""
    rows = night_rows(night)
    version = nights.version()
    if version is not None and day in nights.partitions(version):
        there = nights.read(version, days=[day]).select(_SCHEMA.names)
        there = there.filter(pc.not_equal(there.column("run"), night.run)).cast(_SCHEMA)
        rows = pa.concat_tables([there, rows])
    nights.write_days({day: rows})


def load_history(nights: DayTable, night: Night, zone: tzinfo) -> list[NightLine]:
    """Return the nights up to and including this one, newest first, sixty at most; their moments in `zone`."""
    lines = {night.run: _line(night_rows(night).to_pylist(), zone)}
    version = nights.version()
    if version is not None:
        days = sorted(nights.partitions(version))[-MAX_NIGHTS:]
        by_run: dict[str, list[dict[str, Any]]] = {}
        for row in nights.read(version, days=days).to_pylist():
            by_run.setdefault(row["run"], []).append(row)
        for run, rows in by_run.items():
            line = _line(rows, zone)
            if run != night.run and line.as_of <= night.as_of:
                lines[run] = line
    newest_last = sorted(lines.values(), key=lambda line: (line.as_of, line.href == night.report))
    return newest_last[::-1][:MAX_NIGHTS]


def _line(rows: list[dict[str, Any]], zone: tzinfo) -> NightLine:
    failed = [row for row in rows if row["outcome"] == CheckOutcome.FAILED]
    tables = {row["table"]: (row["new_rows"], row["quarantined_rows"]) for row in rows}
    told = f"{failed[0]['table']}: {failed[0]['target'] or ''} {failed[0]['name']}".replace(":  ", ": ") if failed else ""
    return NightLine(
        as_of=rows[0]["as_of"].astimezone(zone),
        outcome=CheckOutcome.FAILED if failed else CheckOutcome.PASSED,
        new_rows=sum(new for new, _ in tables.values()),
        quarantined=sum(aside for _, aside in tables.values()),
        warnings=sum(row["outcome"] == CheckOutcome.WARNED for row in rows),
        told=told + (f" and {len(failed) - 1} more" if len(failed) > 1 else ""),
        href=str(rows[0]["report"]),
    )
