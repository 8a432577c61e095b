"""Measure one table: place its rows, judge them, and find the ones to set aside."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from evergreen.stages.validate.availability import Clock
from evergreen.stages.validate.contract import PlacedRows, place_rows
from evergreen.stages.validate.measurement import DayProfile, Novelty, RuleMeasurement, TableMeasurement
from evergreen.stages.validate.novelty import MIN_HISTORY_DAYS, Seen, find_novelties
from evergreen.stages.validate.profiles import (
    count_categories,
    count_labels,
    count_nulls,
    end_of_day,
    find_ranges,
    positions_by_day,
    usual_lag_seconds,
    watched_columns,
)
from evergreen.stages.validate.reading import TableJob, count_repeated_keys, read_days
from evergreen.stages.validate.ruling import Ruling, examples_of, judge_days, judge_rows
from evergreen.tables.duplicates import dropped_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    import pandas as pd
    from numpy.typing import NDArray

    from evergreen.stages.validate.expectations import GreatExpectations


@dataclass(frozen=True)
class MeasuredTable:
    """What was measured, and what is to be kept if the night passes."""

    measurement: TableMeasurement
    quarantine: dict[date, pa.Table]
    """Rows to set aside by new day, with `_row_id` and `_reasons`."""


@dataclass
class _Work:
    """A table's new rows on their way through the checks; every array is of shape (n_rows,)."""

    rows: pa.Table
    frame: pd.DataFrame
    placed: PlacedRows
    dropped: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    """Readable, in their place, no copies."""
    days: dict[date, NDArray[np.intp]]
    reasons: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    rules: list[RuleMeasurement] = field(default_factory=list)
    novelties: list[Novelty] = field(default_factory=list)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Judged rows that nothing has set aside so far."""
        kept = self.judged.copy()
        kept[list(self.reasons)] = False
        return kept

    def set_aside(self, failing: NDArray[np.bool_], reason: str) -> None:
        """Quarantine rows with a reason."""
        for position in np.flatnonzero(failing):
            self.reasons[int(position)].append(reason)


def measure_table(job: TableJob, engine: Callable[[], GreatExpectations]) -> MeasuredTable:
    """Judge a table's new days.

    Rows are judged on every new day, today's first rows included; counts, shares and averages only on days that are due.

    Args:
        job: The table.
        engine: Gives Great Expectations; called only when there is an expectation to judge, because importing it is slow.
    """
    standing = job.standing()
    new_days = [day for day in sorted(job.partitions) if day not in standing]
    clock = Clock(job.table, job.schedule, job.as_of)
    work = _start(job, new_days)
    _judge_contract(job, work)
    _judge_rows(job, work, engine)
    profiles = dict(standing)
    seen = _seen_before(job)
    for day in sorted(job.partitions):
        if day in standing:
            clock.learn(standing[day])
            seen.add(standing[day])
        else:
            profiles[day] = _measure_day(job, work, day, clock, seen)
            clock.learn(profiles[day])
    _judge_days(job, work, [day for day in new_days if profiles[day].due], engine)
    profiles = {day: profiles[day] for day in sorted(profiles)}
    return _finish(job, work, new_days, profiles, clock)


def _start(job: TableJob, new_days: list[date]) -> _Work:
    rows = read_days(job, new_days)
    frame: pd.DataFrame = rows.to_pandas()
    placed = place_rows(frame, job.table, job.schedule, job.as_of)
    dropped = np.zeros(len(frame), dtype=np.bool_)
    columns = [name for name in frame.columns if not name.startswith("_")]
    days = positions_by_day(frame)
    for positions in days.values():  # as `read_rows` does it: day by day, among the rows that were available
        available = positions[placed.available[positions]]
        copies = dropped_rows(frame.iloc[available], job.rules.deduplicate, key=job.table.key, columns=columns)
        dropped[available[copies]] = True
    return _Work(rows, frame, placed, dropped, placed.readable & ~dropped, days)


def _judge_contract(job: TableJob, work: _Work) -> None:
    for rule in work.placed.rules:
        days = work.frame["_day"][rule.failing].value_counts().sort_index()
        work.rules.append(
            RuleMeasurement(
                name=rule.name,
                target=rule.target,
                severity=rule.severity,
                allowed=rule.allowed,
                by="row",
                judged=len(work.frame),
                failing_rows=int(rule.failing.sum()),
                failing_days={day: f"{n} rows" for day, n in days.items()},
                examples=examples_of(work.frame, rule.failing, job.table.key, rule.target),
            )
        )
        if rule.severity == "quarantine":
            work.set_aside(rule.failing, rule.reason)


def _judge_rows(job: TableJob, work: _Work, engine: Callable[[], GreatExpectations]) -> None:
    if job.rules.expectations and work.judged.any():
        frame = work.frame[work.judged].reset_index(drop=True)
        _take(work, judge_rows(engine(), frame, job.rules.expectations, job.table.key), work.judged)


def _judge_days(job: TableJob, work: _Work, due: list[date], engine: Callable[[], GreatExpectations]) -> None:
    kept = work.kept
    if not job.rules.expectations or not kept.any():
        return
    frame = work.frame[kept].reset_index(drop=True)
    positions = positions_by_day(frame)
    days = {day: positions[day] for day in due if day in positions}
    _take(work, judge_days(engine(), frame, days, job.rules.expectations, job.table.key), kept)


def _take(work: _Work, rulings: list[Ruling], mask: NDArray[np.bool_]) -> None:
    """Note rulings on the rows of `mask`, and set aside what they say is to be set aside."""
    positions = np.flatnonzero(mask)
    for ruling in rulings:
        work.rules.append(ruling.rule)
        if ruling.rule.severity == "quarantine":
            failing = np.zeros(len(mask), dtype=np.bool_)
            failing[positions[ruling.failing]] = True
            work.set_aside(failing, f"{ruling.rule.target}: {ruling.rule.name}, {ruling.rule.allowed}")


def _seen_before(job: TableJob) -> Seen:
    seen = Seen()
    previous = _previous(job)
    if previous is not None:
        seen.add(previous)
        seen.days = MIN_HISTORY_DAYS  # a whole reference table is history enough
    return seen


def _previous(job: TableJob) -> DayProfile | None:
    return next(iter(job.accepted.values()), None) if job.table.is_reference else None


def _measure_day(job: TableJob, work: _Work, day: date, clock: Clock, seen: Seen) -> DayProfile:
    positions = work.days[day]
    settled_at, lag_seconds = _timing(job, work, positions, day)
    due_at = clock.due_at(day, settled_at)
    numbers, texts = watched_columns(work.frame, job.table, job.rules.novelty.ignore)
    if seen.days >= MIN_HISTORY_DAYS:
        _judge_novelty(job, work, day, seen, numbers, texts)
    kept = positions[work.kept[positions]]
    accepted, judged = work.frame.iloc[kept], work.frame.iloc[positions[work.judged[positions]]]
    columns = [name for name in work.frame.columns if not name.startswith("_")]
    categories = count_categories(accepted, texts).get(day, {})
    labelled, positives = count_labels(accepted, job.label).get(day, (0, 0)) if job.label else (0, 0)
    profile = DayProfile(
        day=day,
        digest=job.partitions[day].digest,
        delivered_rows=len(positions),
        rows=len(judged),
        copies=int(work.dropped[positions].sum()),
        due=due_at is not None and due_at <= job.as_of,
        due_at=due_at,
        settled_at=settled_at,
        lag_seconds=lag_seconds,
        nulls=count_nulls(judged, columns).get(day, {}),
        ranges=find_ranges(accepted, numbers).get(day, {}),
        categories={c: counts for c, counts in categories.items() if len(counts) <= job.rules.novelty.max_categories},
        labelled=labelled,
        positives=positives,
    )
    seen.add(profile)
    return profile


def _judge_novelty(job: TableJob, work: _Work, day: date, seen: Seen, numbers: list[str], texts: list[str]) -> None:
    positions = work.days[day]
    kept = positions[work.kept[positions]]
    rules = job.rules.novelty
    for found in find_novelties(work.frame.iloc[kept], day, seen, rules, numbers=numbers, texts=texts):
        work.novelties.append(found.novelty)
        if rules.severity == "quarantine":
            failing = np.zeros(len(work.frame), dtype=np.bool_)
            failing[kept[found.failing]] = True
            work.set_aside(failing, f"{found.novelty.column}: never seen before ({found.novelty.seen})")


def _timing(job: TableJob, work: _Work, positions: NDArray[np.intp], day: date) -> tuple[datetime | None, float | None]:
    """Return when a day's last row became readable, and how late nine of ten were, once all of them are."""
    in_place = positions[~work.placed.misplaced[positions]]
    available_at = work.placed.available_at
    if available_at is None or not len(in_place) or not work.placed.readable[in_place].all():
        return None, None
    moments = available_at.iloc[in_place]
    return moments.max().to_pydatetime(), usual_lag_seconds(moments, day, job.schedule)


def _finish(job: TableJob, work: _Work, new_days: list[date], profiles: dict[date, DayProfile], clock: Clock) -> MeasuredTable:
    quarantine = _quarantine(work)
    for day, rows in quarantine.items():
        profiles[day] = profiles[day].model_copy(update={"quarantined": rows.num_rows})
    repeated, examples = count_repeated_keys(job, work.frame[work.kept].reset_index(drop=True), new_days)
    lag = max(clock.lag or timedelta(0), timedelta(0))
    measurement = TableMeasurement(
        table=job.name,
        reference=job.table.is_reference,
        new_days=tuple(new_days),
        new_rows=int((work.judged | work.placed.misplaced).sum()),
        profiles=profiles,
        previous=_previous(job),
        missing_days=_missing_days(job, profiles, lag),
        newest_age_seconds=_newest_age(job, profiles),
        lag_seconds=lag.total_seconds(),
        repeated_keys=repeated,
        repeated_key_examples=examples,
        rules=tuple(work.rules),
        novelties=tuple(work.novelties),
        quarantined=len(work.reasons),
        reasons=Counter(reason for reasons in work.reasons.values() for reason in reasons),
        holds_label=job.label is not None,
    )
    return MeasuredTable(measurement, quarantine)


def _quarantine(work: _Work) -> dict[date, pa.Table]:
    columns = [name for name in work.rows.column_names if not name.startswith("_") or name == "_row_id"]
    result = {}
    for day, positions in work.days.items():
        chosen = [int(position) for position in positions if int(position) in work.reasons]
        if chosen:
            reasons = pa.array(["; ".join(work.reasons[position]) for position in chosen], pa.string())
            result[day] = work.rows.select(columns).take(chosen).append_column("_reasons", reasons)
    return result


def _missing_days(job: TableJob, profiles: dict[date, DayProfile], lag: timedelta) -> tuple[date, ...]:
    """Return due days without any row, but for the gaps that an earlier night was let through with."""
    if job.table.is_reference or not profiles:
        return ()
    days = (min(profiles) + timedelta(days=n) for n in range((job.last_day - min(profiles)).days + 1))
    absent = [day for day in days if day not in profiles and day not in job.accepted_gaps]
    return tuple(day for day in absent if end_of_day(day, job.schedule) + lag <= job.as_of)


def _newest_age(job: TableJob, profiles: dict[date, DayProfile]) -> float | None:
    days: list[date] = [day for day, profile in profiles.items() if profile.rows]
    if job.table.is_reference or not days:
        return None
    until: datetime = min(job.as_of, end_of_day(job.last_day, job.schedule))
    return (until - end_of_day(max(days), job.schedule)).total_seconds()
