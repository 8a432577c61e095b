"""How far the outcomes have come, day by day: which days a night must look at again. Losing it costs time, nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LABELS_BEFORE = timedelta(days=31)
"""How much earlier than its row a label may be dated to be found; how much later makes no difference."""


class LabelledDay(Result):
    """One day of the labels table, as it was last looked at."""

    digest: str
    settled: bool
    """Whether every label in it could be read; if so, it stays as it is until its digest changes."""
    labels: int
    matched: dict[date, int]
    """Labels per day of the answers that they belong to."""

    @property
    def waiting(self) -> int:
        """Labels of rows that nobody has answered so far."""
        return self.labels - sum(self.matched.values())


class AnsweredDay(Result):
    """One day of answers, as it was last looked at."""

    answers: str
    """Digest of everything said about the day."""
    settled: bool
    """Whether all of it could be read."""
    outcomes: str
    """Digest of the day's outcomes; empty while there are none."""
    labelled: int
    changed_on: AwareDatetime | None
    """As-of of its newest revision."""


class Progress(Result):
    """How far the outcomes have come."""

    through: AwareDatetime | None = None
    """The newest night that was collected."""
    answers: dict[date, AnsweredDay] = {}
    labels: dict[date, LabelledDay] = {}


def changed_labels(progress: Progress, labels: Mapping[date, str]) -> set[date]:
    """Return days of the labels table that may say something new; days that are gone among them."""
    known = {day: found.digest if found.settled else None for day, found in progress.labels.items()}
    return {day for day in labels.keys() | known.keys() if known.get(day) != labels.get(day, "")}


def changed_answers(progress: Progress, answers: Mapping[date, str], outcomes: Mapping[date, str]) -> set[date]:
    """Return days whose answers may be other than when they were last joined, or whose outcomes somebody else wrote."""
    return {
        day
        for day, digest in answers.items()
        if (known := progress.answers.get(day)) is None
        or not known.settled
        or (known.answers, known.outcomes) != (digest, outcomes.get(day, ""))
    }


def labels_to_read(progress: Progress, days: Collection[date], fresh: Collection[date], labels: Collection[date]) -> set[date]:
    """Return days of the labels table that may hold labels of some days of answers.

    Args:
        progress: What is known.
        days: Days of answers that are joined again.
        fresh: Those among them whose own answers have changed.
        labels: Days of the labels table.
    """
    wanted = set()
    earliest = min(fresh) - LABELS_BEFORE if fresh else None
    for day in labels:
        known = progress.labels.get(day)
        holds_some = known is not None and not known.matched.keys().isdisjoint(days)
        may_hold = earliest is not None and day >= earliest and (known is None or known.waiting > 0)
        if holds_some or may_hold:
            wanted.add(day)
    return wanted


def search_order(around: Collection[date], days: Collection[date]) -> list[list[date]]:
    """Return days of answers in the order in which to look for rows that some days of labels may belong to.

    Labels are most often of their own day or of one shortly before, so that a search seldom goes further.
    """
    latest = max(around) + LABELS_BEFORE
    steps: dict[int, list[date]] = {}
    for day in sorted(days):
        if day <= latest:
            distance = min(abs((day - label).days) for label in around)
            steps.setdefault(next(step for step, reach in enumerate((1, 7, 31, 10**6)) if distance <= reach), []).append(day)
    return [steps[step] for step in sorted(steps)]
