"""Checks against the days before: fresh, without gaps, as many rows as usual, nothing unheard of."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from evergreen.results import Check, CheckOutcome
from evergreen.stages.validate.wording import bounded, days_and_values, duration, number, rows_text, said_days

if TYPE_CHECKING:
    from datetime import date

    from evergreen.definitions.validation import Novelty as NoveltyRules
    from evergreen.definitions.validation import RowCount, TableValidation
    from evergreen.stages.validate.measurement import Novelty, TableMeasurement

MIN_TRAILING_DAYS = 7
"""A day's rows are compared once a week of earlier days is there to compare with."""
USUAL_DELAY = timedelta(days=2)
"""Default freshness: two days after a day's rows usually become readable."""
_BY_SEVERITY = {"fail": CheckOutcome.FAILED, "quarantine": CheckOutcome.QUARANTINED, "warn": CheckOutcome.WARNED}


def is_fresh(measured: TableMeasurement, rules: TableValidation) -> list[Check]:
    """The newest day is not too old at the as-of; a reference table has no age."""
    with_rows = [day for day, profile in measured.profiles.items() if profile.rows]
    if measured.newest_age_seconds is None or not with_rows:
        return []  # no rows at all is another check's failure
    age = timedelta(seconds=measured.newest_age_seconds)
    limit = rules.freshness if rules.freshness is not None else timedelta(seconds=measured.lag_seconds) + USUAL_DELAY
    newest = max(with_rows)
    return [
        Check(
            table=measured.table,
            name="data is fresh",
            target="",
            outcome=CheckOutcome.FAILED if age > limit else CheckOutcome.PASSED,
            found=f"newest day {newest.isoformat()}, over for {duration(age)}"
            if age > timedelta(0)
            else f"newest day {newest.isoformat()}, not over yet",
            allowed=f"over for at most {duration(limit)}",
        )
    ]


def days_are_there(measured: TableMeasurement, rules: RowCount) -> list[Check]:
    """A due day without any row is named, where there is too little history to hold its row count against."""
    if measured.reference:
        return []
    missing = [day for day in measured.missing_days if usual_rows(measured, day, rules) is None]
    return [
        Check(
            table=measured.table,
            name="every day has rows",
            target="",
            outcome=CheckOutcome.WARNED if missing else CheckOutcome.PASSED,
            found=f"no rows on {said_days(missing)}" if missing else "no gap but where the row count says so",
            allowed="rows on every day that is due",
            days=tuple(missing[:10]),
        )
    ]


def row_counts(measured: TableMeasurement, rules: RowCount) -> list[Check]:
    """Each new due day has about as many rows as the median of the trailing days; a missing day has none.

    A reference table is compared with the version accepted before. A table that rests on some days says so with a
    `min_share` of 0.
    """
    due = {day: measured.profiles[day].rows for day in measured.new_days if measured.profiles[day].due}
    shares: dict[date, tuple[int, float]] = {}
    for day, rows in sorted((due | dict.fromkeys(measured.missing_days, 0)).items()):
        usual = usual_rows(measured, day, rules)
        if usual:
            shares[day] = (rows, usual)
    failing = {
        day: f"{rows:,} rows against a median of {number(usual)}"
        for day, (rows, usual) in shares.items()
        if not rules.min_share * usual <= rows <= rules.max_share * usual
    }
    ratios = [rows / usual for rows, usual in shares.values()]
    usual_found = f"{min(ratios):.2f} to {max(ratios):.2f} times the median" if ratios else "nothing to compare with yet"
    return [
        Check(
            table=measured.table,
            name="row count is usual",
            target="",
            outcome=_BY_SEVERITY[rules.severity] if failing else CheckOutcome.PASSED,
            found=days_and_values(failing) if failing else usual_found,
            allowed=f"{rules.min_share:g} to {rules.max_share:g} times "
            + ("the version before" if measured.reference else f"the median of the {duration(rules.trailing)} before"),
            days=tuple(failing)[:10],
        )
    ]


def nothing_new(measured: TableMeasurement, rules: NoveltyRules) -> list[Check]:
    """New categories and numbers beyond the seen range are named, column by column."""
    columns: dict[str, list[Novelty]] = {}
    for novelty in measured.novelties:
        columns.setdefault(novelty.column, []).append(novelty)
    if not columns:
        nothing = "no new category, no number beyond the range"
        return [_novelty_check(measured, "", CheckOutcome.PASSED, nothing)]
    return [
        _novelty_check(measured, column, _BY_SEVERITY[rules.severity], _novelty_text(found), found)
        for column, found in sorted(columns.items())
    ]


def _novelty_check(
    measured: TableMeasurement, column: str, outcome: CheckOutcome, found: str, novelties: list[Novelty] | None = None
) -> Check:
    novelties = novelties or []
    kind = novelties[-1].kind if novelties else ""
    seen = novelties[-1].seen if novelties else ""
    allowed = {"category": f"one of the {seen} seen before", "number": f"within or near {seen}, as seen before"}
    return Check(
        table=measured.table,
        name="values were seen before",
        target=column,
        outcome=outcome,
        found=found,
        allowed=allowed.get(kind, "what earlier days have held"),
        rows=sum(novelty.rows for novelty in novelties),
        days=tuple(novelty.day for novelty in novelties[:10]),
    )


def _novelty_text(novelties: list[Novelty]) -> str:
    """Name new categories with their counts, and how far numbers went; day by day where days differ."""
    rows = sum(novelty.rows for novelty in novelties)
    days = said_days([novelty.day for novelty in novelties])
    if novelties[0].kind == "number":
        spans = {f"{low} to {high}" if low != high else low: None for low, high in (novelty.bounds for novelty in novelties)}
        return f"{rows_text(rows)} on {days}: {bounded(list(spans), 4)}"
    counts: dict[str, int] = {}
    for novelty in novelties:
        for value, n in novelty.values.items():
            counts[value] = counts.get(value, 0) + n
    distinct = max(len(counts), *(novelty.distinct for novelty in novelties))
    shown = [f"{value} ({rows_text(n)})" for value, n in sorted(counts.items(), key=lambda item: -item[1])[:5]]
    more = f" and {distinct - len(shown)} more" if distinct > len(shown) else ""
    what = "new category" if distinct == 1 else "new categories"
    return f"{distinct} {what} on {days}: {', '.join(shown)}{more}"


def usual_rows(measured: TableMeasurement, day: date, rules: RowCount) -> float | None:
    """Return the rows a day is compared with; None when there is too little to compare with."""
    if measured.reference:
        return float(measured.previous.rows) if measured.previous is not None else None
    trailing = [
        profile.rows
        for earlier, profile in measured.profiles.items()
        if day - rules.trailing <= earlier < day and profile.due and profile.rows
    ]
    return float(median(trailing)) if len(trailing) >= MIN_TRAILING_DAYS else None
