"""From the requests that a challenger was asked to the numbers that are decided on.

Faults of time and machine (failures, slowness) are counted second by second: a machine that stops for a moment fails all
requests of that moment, and is one fault. What the models say is compared row by row: a row that is asked about again, to the
same two answers, tells nothing new.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from evergreen.stages.rollout.asked import first_of_each
from evergreen.statistics.rank_agreement import count_pairs
from evergreen.trial_evidence import BINS_PER_UNIT, Compared, Course, FaultySeconds, SecondsAlike, Speed

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from evergreen.stages.rollout.asked import AskedRequests

SECOND_US = 1_000_000
SCORE_BINS = 20
COURSE_STEPS = 40
MOST_ERRORS = 5


def count_failures(asked: AskedRequests) -> FaultySeconds:
    """Count requests that the challenger did not answer."""
    return _by_second(asked.answered_at_us, asked.failed)


def count_slow(asked: AskedRequests, max_slowdown: float) -> FaultySeconds:
    """Count requests for which it took more than `max_slowdown` times as long as the champion, of those that were timed."""
    timed = _timed(asked)
    slow = asked.compute_us > max_slowdown * asked.champion_compute_us
    return _by_second(asked.answered_at_us[timed], slow[timed])


def compare_answers(asked: AskedRequests) -> Compared:
    """Compare what both say of different rows, in the order in which they were asked about."""
    rows = _different_rows(asked)
    said, champion = asked.probability[rows], asked.champion_probability[rows]
    bins = np.floor((said - champion) * BINS_PER_UNIT).astype(np.int64)
    values, counts = np.unique(np.round(said, 6), return_counts=True)
    most = int(np.argmax(counts)) if len(said) else None
    places = [np.minimum((each * SCORE_BINS).astype(np.int64), SCORE_BINS - 1) for each in (champion, said)]
    scores = np.zeros((SCORE_BINS, SCORE_BINS), dtype=np.int64)
    np.add.at(scores, tuple(places), 1)
    return Compared(
        rows=len(said),
        disagreements=int((asked.decision[rows] != asked.champion_decision[rows]).sum()),
        differences=tuple(zip(*(each.tolist() for each in np.unique(bins, return_counts=True)), strict=True)),
        groups=_counted(count_pairs(champion, said)),
        champion_values=len(np.unique(champion)),
        commonest_value=None if most is None else float(values[most]),
        commonest_rows=0 if most is None else int(counts[most]),
        champion_mean=float(champion.mean()) if len(said) else None,
        challenger_mean=float(said.mean()) if len(said) else None,
        champion_yes=int(asked.champion_decision[rows].sum()),
        challenger_yes=int(asked.decision[rows].sum()),
        scores=tuple(tuple(row) for row in scores.tolist()),
    )


def measure_speed(asked: AskedRequests) -> Speed | None:
    """Return how long both took; None where nothing was timed."""
    timed = _timed(asked)
    if not timed.any():
        return None
    champion, challenger = (np.percentile(each[timed], [50, 99]) for each in (asked.champion_compute_us, asked.compute_us))
    return Speed(
        champion_p50_us=float(champion[0]),
        champion_p99_us=float(champion[1]),
        challenger_p50_us=float(challenger[0]),
        challenger_p99_us=float(challenger[1]),
    )


def commonest_errors(asked: AskedRequests) -> tuple[tuple[str, int], ...]:
    """Return the commonest reasons of failures, and how many of each."""
    counted = Counter(str(error or "no reason given") for error in asked.error[asked.failed])
    return tuple(sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:MOST_ERRORS])


def draw_course(asked: AskedRequests, began_at: datetime, now: datetime) -> Course:
    """Count requests over time, in equal steps from the beginning of the trial until now."""
    begin_us, end_us = began_at.timestamp() * SECOND_US, now.timestamp() * SECOND_US
    step_us = max((end_us - begin_us) / COURSE_STEPS, 1.0)
    places = np.clip((asked.answered_at_us - begin_us) // step_us, 0, COURSE_STEPS - 1).astype(np.int64)
    requests = np.bincount(places, minlength=COURSE_STEPS)
    failures = np.bincount(places[asked.failed], minlength=COURSE_STEPS)
    return Course(step_seconds=step_us / SECOND_US, requests=tuple(requests.tolist()), failures=tuple(failures.tolist()))


def _by_second(answered_at_us: NDArray[np.int64], faulty: NDArray[np.bool_]) -> FaultySeconds:
    _, second, requests = np.unique(answered_at_us // SECOND_US, return_inverse=True, return_counts=True)
    faults = np.bincount(second, weights=faulty, minlength=len(requests)).astype(np.int64)
    bad = faults > 0
    counted = _counted(np.stack([requests[bad], faults[bad]], axis=1))
    return FaultySeconds(
        requests=len(faulty),
        faults=int(faults.sum()),
        seconds=len(requests),
        faulty=tuple(SecondsAlike(requests=of, faults=count, seconds=seconds) for of, count, seconds in counted),
    )


def _counted(pairs: NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
    """Return each different pair with how often it is there."""
    different, counts = np.unique(pairs, axis=0, return_counts=True)
    return tuple((first, second, count) for (first, second), count in zip(different.tolist(), counts.tolist(), strict=True))


def _different_rows(asked: AskedRequests) -> NDArray[np.int64]:
    """Return the places of answered requests, of those about the same row with the same two answers only the first."""
    answered = np.flatnonzero(~asked.failed & np.isfinite(asked.probability) & np.isfinite(asked.champion_probability))
    told = (asked.key[answered], asked.probability[answered], asked.champion_probability[answered])
    return np.asarray(answered[first_of_each(*told)], dtype=np.int64)


def _timed(asked: AskedRequests) -> NDArray[np.bool_]:
    return np.asarray((asked.compute_us > 0) & (asked.champion_compute_us > 0), dtype=np.bool_)
