"""What becomes of answers before they are sent: kept in the spool, then counted."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.serving.records import answer_records, refused_record, trial_records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.answering import Call
    from evergreen.serving.answers import Answers
    from evergreen.serving.challenger import Challenger
    from evergreen.serving.live_models import LiveRelease
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.log import AnswerRecord, AnswerSpool
    from evergreen.serving.records import Trying
    from evergreen.serving.worker_metrics import WorkerMetrics


class AnswerKeeper:
    """Keeps the answers of one worker.

    Args:
        spool: Where answers are kept.
        counters: What is counted.
    """

    def __init__(self, spool: AnswerSpool, counters: WorkerMetrics) -> None:
        self._spool = spool
        self._counters = counters
        self._refused: Counter[tuple[str, str]] = Counter()
        """Requests that were not answered, as far as that is kept."""

    def of(self, release: LoadedRelease) -> Callable[[Sequence[Call], Sequence[Answers], int], None]:
        """Return what keeps the answers of a champion."""

        def keep(calls: Sequence[Call], answers: Sequence[Answers], took_us: int) -> None:
            now_us = time.time_ns() // 1000
            records: list[AnswerRecord] = []
            for call, found in zip(calls, answers, strict=True):
                inputs = map(release.schema.inputs, call.rows)
                records += answer_records(
                    release, call, found, role=call.role, inputs=inputs, now_us=now_us, compute_us=took_us
                )
            self._spool.write(release.model, records)
            for found in answers:
                release.metrics.count(found)

        return keep

    def of_both(
        self, event: RolloutEvent, champion: LoadedRelease, challenger: Challenger
    ) -> Callable[[Sequence[Trying]], None]:
        """Return what keeps the answers of a champion and of the challenger that was asked the same."""
        outcomes = self._counters.of_trial(event)

        def keep(tryings: Sequence[Trying]) -> None:
            now_us, worker_mb = time.time_ns() // 1000, self._counters.worker_mb
            records: list[AnswerRecord] = []
            for one in tryings:
                records += trial_records(champion, challenger.release, event, one, now_us=now_us, worker_mb=worker_mb)
            self._spool.write(champion.model, records)
            for one in tryings:
                outcomes["failed" if one.tried.answers is None else event.mode] += 1
                if event.mode != "shadow":
                    _count(one, champion, challenger)

        return keep

    def refusals(self, models: Mapping[str, LiveRelease]) -> None:
        """Keep how many requests were not answered since the last time, by model and kind; what finds no room waits."""
        now_us = time.time_ns() // 1000
        for (model, kind), total in self._counters.errors.copy().items():
            requests, live = total - self._refused[model, kind], models.get(model)
            if not requests or live is None:
                continue
            try:
                self._spool.write(model, [refused_record(live.release, kind, requests, now_us=now_us)])
            except EvergreenError:  # the spool is full, and says so by itself
                continue
            self._refused[model, kind] = total


def _count(one: Trying, champion: LoadedRelease, challenger: Challenger) -> None:
    if one.tried.answers is None or challenger.release is None:
        champion.metrics.count(one.said)
    else:
        challenger.release.metrics.count(one.tried.answers)
