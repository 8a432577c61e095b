"""The diagnosis, pure: the same observations and the same past always give the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions.words import format_duration
from evergreen.digests import digest_bytes
from evergreen.observation import Action, Cause, CheckKind, Diagnosis, Severity
from evergreen.registry.restraints import restraints
from evergreen.stages.triage.cause import Explanation, explain, worse_answers
from evergreen.stages.triage.night import Night, key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from evergreen.definitions.monitoring import Monitoring
    from evergreen.definitions.retraining import Retraining
    from evergreen.observation import Observation, PastNight


def diagnose(
    observations: Mapping[CheckKind, Observation],
    past: Sequence[PastNight],
    *,
    new_rows: int | None,
    monitoring: Monitoring,
    retraining: Retraining,
    released_at: datetime | None,
) -> Diagnosis:
    """Work out why a night looks as it does.

    Args:
        observations: By kind of check; one that is missing makes the night incomplete, and nothing is concluded from it.
        past: Earlier nights, newest first.
        new_rows: Matured outcomes that the champion has not learned from; None: not known.
        monitoring: The limits.
        retraining: The rules for training again.
        released_at: When the champion became champion; None: not known, or there is none.

    Raises:
        RequestError: There is no observation, or they are of different nights.
    """
    night = Night(observations, past)
    subject = night.subject
    found = explain(night, monitoring)
    wish = _wish(night, found, retraining, released_at)
    against = _against(night, found, new_rows, retraining, released_at) if wish else ()
    refusal = (f"No probe tonight. {against[0]}", *against[1:]) if against else ()
    alarms = {key(finding) for kind in CheckKind for finding in night.alarms(kind)}
    warnings = {key(finding) for kind in CheckKind for finding in night.of(kind, Severity.WARNING)}
    return Diagnosis(
        model=subject.model,
        as_of=subject.as_of,
        release_version=subject.release_version,
        bundle_digest=subject.bundle_digest,
        cause=found.cause,
        severity=found.severity,
        reasons=(*found.reasons, *_waiting(night, found, retraining), *((wish,) if wish else ()), *refusal),
        alarms=tuple(sorted(alarms)),
        warnings=tuple(sorted(warnings - alarms)),
        faulty_days=found.faulty_days,
        wants_probe=bool(wish) and not against,
        observations={kind: digest_bytes(seen.to_bytes()) for kind, seen in sorted(observations.items())},
    )


def _wish(night: Night, found: Explanation, retraining: Retraining, released_at: datetime | None) -> str | None:
    """Return why a probe would be worth asking tonight, None when it would not."""
    if night.subject.release_version is None:
        return None
    longest = _nights_of_drift(night, found)
    if longest >= retraining.persistence:
        return f"It has been so for {longest} of {retraining.persistence} nights in a row: would a refit help?"
    every = retraining.probe.every
    if every is None or released_at is None:
        return None
    asked = max([released_at, *(past.as_of for past in night.past if past.probed)])
    if night.subject.as_of - asked < every:
        return None
    return f"Nobody has asked for {format_duration(every)} whether a refit would help."


def _waiting(night: Night, found: Explanation, retraining: Retraining) -> tuple[str, ...]:
    lasted = _nights_of_drift(night, found)
    if not 0 < lasted < retraining.persistence:
        return ()
    return (f"It has been so for {lasted} of the {retraining.persistence} nights in a row after which a probe asks for more.",)


def _nights_of_drift(night: Night, found: Explanation) -> int:
    """Return for how many nights in a row the answers have been worse, by the longest alarm; 0: they are not."""
    worse = worse_answers(night) if found.cause is Cause.CONCEPT_DRIFT else ()
    return max((night.nights(finding) for finding in worse), default=0)


def _against(
    night: Night, found: Explanation, new_rows: int | None, retraining: Retraining, released_at: datetime | None
) -> tuple[str, ...]:
    """Return a sentence for each thing that forbids a probe tonight."""
    as_of = night.subject.as_of
    against = []
    if found.cause in (Cause.UPSTREAM_FAULT, Cause.SERVICE_FAULT):
        against.append("A fault is open.")
    against += [f"The check of {kind.value} could tell nothing." for kind in CheckKind if not _told(night, kind)]
    refused = [past.as_of for past in night.past if past.probed and past.action is not Action.RETRAIN]
    if refused and as_of - max(refused) < retraining.cooldown:
        against.append(f"The one of {max(refused):%Y-%m-%d} said no, less than {format_duration(retraining.cooldown)} ago.")
    against += restraints(night.past, as_of=as_of, released_at=released_at, new_rows=new_rows, retraining=retraining)
    return tuple(against)


def _told(night: Night, kind: CheckKind) -> bool:
    """Return whether a check could tell what the probe rests on; distributions may be unknown, but must have been looked at."""
    if kind is CheckKind.PERFORMANCE:
        return night.could_tell
    if kind is CheckKind.DRIFT:
        return bool(night.of(kind, *Severity))
    return bool(night.of(kind, Severity.OK, Severity.WARNING, Severity.CRITICAL))
