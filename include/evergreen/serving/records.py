"""What is kept of answers: the champion's, and those of a challenger on trial beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.serving.answering import latency_us
from evergreen.serving.log import CANARY, CHAMPION, FAILED, REFUSED, SHADOW, AnswerRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.answering import Call
    from evergreen.serving.answers import Answers
    from evergreen.serving.challenger import Tried
    from evergreen.serving.loaded_release import LoadedRelease


@dataclass(frozen=True)
class Trying:
    """One request that champion and challenger were both asked."""

    call: Call
    said: Answers
    """The champion's answers."""
    champion_us: int
    tried: Tried
    """The challenger's."""


def answer_records(
    release: LoadedRelease,
    call: Call,
    answers: Answers,
    *,
    role: str,
    inputs: Iterable[dict[str, Any]],
    now_us: int,
    compute_us: int,
) -> list[AnswerRecord]:
    """Return a record for each row of a request that a release has answered."""
    champion, online = release.champion, release.online
    latency = latency_us(call)
    return [
        AnswerRecord(
            request_id=call.request_id,
            row=row,
            key=answers.key[row],
            event_time_us=answers.event_time_us[row],
            moment_us=answers.moment_us[row],
            answered_at_us=now_us,
            role=role,
            release_version=champion.version,
            bundle_digest=champion.bundle_digest,
            trained_through_us=release.trained_through_us,
            online_digest=online.digest,
            online_as_of_us=release.online_as_of_us,
            inputs=sent,
            features=list(answers.features[row]),
            probability=answers.probability[row],
            decision=answers.decision[row],
            review=answers.review[row],
            latency_us=latency,
            compute_us=compute_us,
        )
        for row, sent in enumerate(inputs)
    ]


def trial_records(
    champion: LoadedRelease,
    challenger: LoadedRelease | None,
    event: RolloutEvent,
    one: Trying,
    *,
    now_us: int,
    worker_mb: float,
) -> list[AnswerRecord]:
    """Return what is kept of a request that both were asked.

    Where the challenger has answered: a record for each of its answers, with the champion's beside it. Where it has not: one
    that says so, and the champion's answers, which the caller got, unless those were kept before (`shadow`).
    """
    inputs = list(map(champion.schema.inputs, one.call.rows))
    if one.tried.answers is None or challenger is None:
        said = answer_records(
            champion, one.call, one.said, role=CHAMPION, inputs=inputs, now_us=now_us, compute_us=one.champion_us
        )
        failed = _failed(said[0], event, one, None if challenger is None else challenger.champion.bundle_digest, worker_mb)
        return [failed] if event.mode == "shadow" else [*said, failed]
    found = answer_records(
        challenger,
        one.call,
        one.tried.answers,
        role=SHADOW if event.mode == "shadow" else CANARY,
        inputs=inputs,
        now_us=now_us,
        compute_us=one.tried.compute_us,
    )
    return [_compared(record, event, one, worker_mb) for record in found]


def refused_record(release: LoadedRelease, kind: str, requests: int, *, now_us: int) -> AnswerRecord:
    """Return a record that counts requests which were not answered while a release was live. It is of the day it was made."""
    return AnswerRecord(
        request_id="",
        row=0,
        key="",
        event_time_us=now_us,
        moment_us=now_us,
        answered_at_us=now_us,
        role=REFUSED,
        release_version=release.champion.version,
        bundle_digest=release.champion.bundle_digest,
        trained_through_us=release.trained_through_us,
        online_digest=release.online.digest,
        online_as_of_us=release.online_as_of_us,
        inputs={},
        features=[],
        probability=math.nan,
        decision=False,
        review=False,
        latency_us=0,
        error=kind,
        requests=requests,
    )


def _failed(said: AnswerRecord, event: RolloutEvent, one: Trying, bundle_digest: str | None, worker_mb: float) -> AnswerRecord:
    """Return a record that a challenger was asked and has not answered, for the first row of a request.

    A challenger that could not be loaded has told nobody what it is made of: its record goes under the champion's bundle.
    """
    record = msgspec.structs.replace(
        said,
        role=FAILED,
        release_version=event.version,
        bundle_digest=bundle_digest or said.bundle_digest,
        features=[],
        probability=math.nan,
        decision=False,
        review=False,
        compute_us=one.tried.compute_us,
        error=one.tried.error,
    )
    return _compared(record, event, one, worker_mb)


def _compared(record: AnswerRecord, event: RolloutEvent, one: Trying, worker_mb: float) -> AnswerRecord:
    """Return a challenger's record with what the champion said of the same row."""
    return msgspec.structs.replace(
        record,
        rollout_id=event.rollout_id,
        champion_probability=one.said.probability[record.row],
        champion_decision=one.said.decision[record.row],
        champion_compute_us=one.champion_us,
        worker_mb=worker_mb,
    )
