"""One night's work on the outcomes: read what may have changed, join it, add the revisions that follow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.stages.collect.progress import (
    AnsweredDay,
    LabelledDay,
    Progress,
    changed_answers,
    changed_labels,
    labels_to_read,
    search_order,
)
from evergreen.stages.collect.revisions import join_labels, new_revisions
from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY, DIGEST, POSITION
from evergreen.tables.outcomes import KNOWN_FROM, LABEL, LABEL_AVAILABLE_AT, OUTCOMES, known_at
from evergreen.tables.predictions import KEY, SAID_AT, said_last

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime, timedelta

    from evergreen.stages.collect.prediction_source import PredictionSource
    from evergreen.tables.day_table import DayTable

_LABELS = {"_label": LABEL, "_label_available_at": LABEL_AVAILABLE_AT}


@dataclass(frozen=True)
class Work:
    """What one night has before it."""

    as_of: datetime
    source: PredictionSource
    versions: Collection[str]
    """Releases that had been made by the as-of."""
    labels: DayTable
    outcomes: DayTable
    predict_before: timedelta


@dataclass(frozen=True)
class Joined:
    """What a night left behind."""

    version: int
    """Of the outcomes; -1 while there are none."""
    progress: Progress


def join_outcomes(work: Work, progress: Progress) -> Joined:
    """Bring the outcomes up to a night, and say how far they have come; a night before one that was collected adds little.

    Args:
        work: The night.
        progress: How far the outcomes had come; the empty one looks at everything.
    """
    labels, answers = _digests(work.labels), work.source.days()
    fresh, moved = changed_answers(progress, answers, _digests(work.outcomes)), changed_labels(progress, labels)
    days = fresh | moved | {day for label_day in moved for day in _matched(progress, label_day)}
    days &= answers.keys()
    rows = _read_labels(work, moved & labels.keys())
    days |= _strays(work, rows, moved, days, answers.keys() - days)
    more = labels_to_read(progress, days, fresh, labels) - moved
    rows = pa.concat_tables([rows, _read_labels(work, more)])
    labelled = _Labels(rows, rows.filter(pc.less_equal(rows.column(LABEL_AVAILABLE_AT), pa.scalar(work.as_of, TIMESTAMP))))
    read = work.source.read(sorted(days))
    said = said_last(read, work.as_of, work.versions)
    is_old = progress.through is not None and work.as_of < progress.through
    joined = join_labels(said, labelled.one_per_key(), work.predict_before)
    version, revisions = _write(work, days, joined, only_unknown=is_old)
    if is_old:
        return Joined(version, progress)
    matched = labelled.by_day(said)
    known = {day: found for day, found in progress.labels.items() if day in labels}
    for day in (moved & labels.keys()) | more:
        kept = {} if day in moved else {d: n for d, n in _matched(progress, day).items() if d not in days}
        known[day] = labelled.describe(day, labels[day], kept | matched.get(day, {}))
    answered = progress.answers | _answered(work, days, answers, read, revisions)
    return Joined(version, Progress(through=work.as_of, answers=answered, labels=known))


def read_revisions(outcomes: DayTable, version: int, days: Collection[date]) -> pa.Table:
    """Return every revision of some days, with `_day`."""
    if version < 0 or not days:
        return pa.schema([(DAY, pa.date32()), *OUTCOMES]).empty_table()
    return outcomes.read(version, days=days).drop_columns([DIGEST, POSITION]).select([DAY, *OUTCOMES.names])


@dataclass(frozen=True)
class _Labels:
    """Rows of the labels table that were read, and those of them that may be."""

    rows: pa.Table
    visible: pa.Table

    def one_per_key(self) -> pa.Table:
        """Return the label of each key; where a key has several, the one that came last."""
        rows = self.visible.sort_by([(KEY, "ascending"), (LABEL_AVAILABLE_AT, "ascending"), (DAY, "ascending")])
        keys = rows.column(KEY).to_numpy()
        return rows.filter(pa.array(np.r_[keys[1:] != keys[:-1], True][: len(keys)], pa.bool_()))

    def by_day(self, said: pa.Table) -> dict[date, dict[date, int]]:
        """Return per day of labels how many of them belong to each day of answers."""
        place = pc.index_in(self.visible.column(KEY), value_set=said.column(KEY))
        pairs = pa.table({"labels": self.visible.column(DAY), "answers": said.column(DAY).take(place.combine_chunks())})
        counted = (
            pairs.filter(pc.is_valid(pairs.column("answers"))).group_by(["labels", "answers"]).aggregate([([], "count_all")])
        )
        found: dict[date, dict[date, int]] = {}
        for row in counted.to_pylist():
            found.setdefault(row["labels"], {})[row["answers"]] = row["count_all"]
        return found

    def describe(self, day: date, digest: str, matched: dict[date, int]) -> LabelledDay:
        """Return what is to be remembered of a day that was read."""
        all_rows, visible = (int(pc.sum(pc.equal(rows.column(DAY), day)).as_py() or 0) for rows in (self.rows, self.visible))
        return LabelledDay(digest=digest, settled=all_rows == visible, labels=visible, matched=dict(sorted(matched.items())))


def _digests(table: DayTable) -> dict[date, str]:
    return {day: found.digest for day, found in table.partitions().items()}


def _matched(progress: Progress, label_day: date) -> Mapping[date, int]:
    known = progress.labels.get(label_day)
    return known.matched if known else {}


def _read_labels(work: Work, days: Collection[date]) -> pa.Table:
    version = work.labels.version()
    if version is None or not days:
        kinds = {KEY: pa.string(), LABEL: pa.float64(), LABEL_AVAILABLE_AT: TIMESTAMP, DAY: pa.date32()}
        return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    rows = work.labels.read(version, days=days, columns=[KEY, *_LABELS]).select([KEY, *_LABELS, DAY])
    return rows.rename_columns([KEY, *_LABELS.values(), DAY])


def _strays(work: Work, labels: pa.Table, moved: set[date], days: set[date], elsewhere: Collection[date]) -> set[date]:
    """Return further days of answers that the labels which moved belong to."""
    if not labels.num_rows or not elsewhere:
        return set()
    found: set[date] = set()
    keys = _not_among(labels.column(KEY), work.source.read(sorted(days)))
    for step in search_order(moved, elsewhere):
        if not len(keys):
            break
        answers = work.source.read(step)
        found |= set(answers.filter(pc.is_in(answers.column(KEY), value_set=keys)).column(DAY).unique().to_pylist())
        keys = _not_among(keys, answers)
    return found


def _not_among(keys: pa.ChunkedArray, answers: pa.Table) -> pa.ChunkedArray:
    return keys.filter(pc.invert(pc.is_in(keys, value_set=answers.column(KEY))))


def _write(work: Work, days: Collection[date], joined: pa.Table, *, only_unknown: bool) -> tuple[int, pa.Table]:
    """Add the revisions that follow; return the version of the outcomes and every revision of the days."""
    found = work.outcomes.version()
    version = -1 if found is None else found
    stored = read_revisions(work.outcomes, version, days)
    added = new_revisions(stored, joined, work.as_of, only_unknown=only_unknown)
    if not added.num_rows:
        return version, stored
    whole = pa.concat_tables([stored, added])
    parts = {day: _of_day(whole, day) for day in added.column(DAY).unique().to_pylist()}
    written = work.outcomes.write_days(parts, metadata={"stage": "collect", "as_of": work.as_of.isoformat()})
    return written.version, whole


def _of_day(rows: pa.Table, day: date) -> pa.Table:
    return rows.filter(pc.equal(rows.column(DAY), pa.scalar(day, pa.date32()))).drop_columns([DAY])


def _answered(
    work: Work, days: Collection[date], answers: Mapping[date, str], read: pa.Table, revisions: pa.Table
) -> dict[date, AnsweredDay]:
    digests, current = _digests(work.outcomes), known_at(revisions, work.as_of)
    labelled = Counter(current.filter(pc.is_valid(current.column(LABEL))).column(DAY).to_pylist())
    late = pc.greater(read.column(SAID_AT), pa.scalar(work.as_of, TIMESTAMP))
    foreign = pc.invert(pc.is_in(read.column("release_version"), value_set=pa.array(sorted(work.versions), pa.string())))
    unsettled = set(read.filter(pc.or_(late, foreign)).column(DAY).to_pylist())
    newest = revisions.group_by(DAY).aggregate([(KNOWN_FROM, "max")]).to_pylist()
    changed = {row[DAY]: row[f"{KNOWN_FROM}_max"] for row in newest}
    return {
        day: AnsweredDay(
            answers=answers[day],
            settled=day not in unsettled,
            outcomes=digests.get(day, ""),
            labelled=labelled[day],
            changed_on=changed.get(day),
        )
        for day in days
    }
