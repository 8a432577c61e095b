"""The night's decision, pure: the same diagnosis, probe and past always give the same one, with the same id.

It retrains only when every single rule holds; what is not known never holds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from evergreen.definitions.words import format_duration
from evergreen.digests import digest_bytes, digest_json
from evergreen.observation import Action, Cause, NightDecision, Severity
from evergreen.registry.restraints import restraints
from evergreen.stages.retrain.answer import Answer, judge_probe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.definitions.monitoring import Monitoring
    from evergreen.definitions.retraining import Retraining
    from evergreen.observation import Diagnosis, PastNight, ProbeMeasurement


def decide_night(
    diagnosis: Diagnosis,
    probe: ProbeMeasurement | None,
    past: Sequence[PastNight],
    *,
    new_rows: int | None,
    released_at: datetime | None,
    monitoring: Monitoring,
    retraining: Retraining,
    revision: int = 1,
) -> NightDecision:
    """Decide what is done about a night.

    Args:
        diagnosis: What triage made of it.
        probe: Whether a refit would have beaten the champion; None: nobody asked, or it did not answer.
        past: Earlier nights, newest first.
        new_rows: Matured outcomes that the champion has not learned from; None: not known.
        released_at: When the champion became champion; None: not known, or there is none.
        monitoring: How much there must be to judge on.
        retraining: The rules.
        revision: How often this night has been decided, this time among them; the store counts for itself.
    """
    answer = judge_probe(diagnosis, probe, retraining.probe, monitoring.performance) if diagnosis.wants_probe else None
    against = restraints(past, as_of=diagnosis.as_of, released_at=released_at, new_rows=new_rows, retraining=retraining)
    untold = _untold(diagnosis)
    retrains = answer is not None and answer.yes is True and not against and not untold
    action = Action.RETRAIN if retrains else _action(diagnosis, answer)
    return NightDecision(
        model=diagnosis.model,
        as_of=diagnosis.as_of,
        revision=revision,
        release_version=diagnosis.release_version,
        bundle_digest=diagnosis.bundle_digest,
        cause=diagnosis.cause,
        action=action,
        severity=diagnosis.severity,
        reasons=_reasons(diagnosis, answer, (*untold, *against), action, retraining),
        alarms=diagnosis.alarms,
        faulty_days=diagnosis.faulty_days,
        probed=answer is not None and answer.yes is not None,
        starts_training=retrains and retraining.enabled,
        new_rows=new_rows if isinstance(new_rows, int) else 0,
        diagnosis_digest=digest_bytes(diagnosis.to_bytes()),
        probe_digest=digest_bytes(probe.to_bytes()) if probe is not None else None,
        policy_digest=_policy(monitoring, retraining),
        past_digest=digest_json([night.to_xcom() for night in past]),
    )


def _untold(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return a sentence for each thing about the night itself that forbids a training."""
    found = {
        "There is no release that could be replaced.": diagnosis.release_version is None or diagnosis.bundle_digest is None,
        "How the night looks could not be told.": diagnosis.severity is Severity.UNKNOWN,
        "A fault is open.": diagnosis.cause in (Cause.UPSTREAM_FAULT, Cause.SERVICE_FAULT),
        "No cause is known while the labels are not there.": diagnosis.cause is Cause.LABELS_IMMATURE,
    }
    return tuple(sentence for sentence, forbids in found.items() if forbids)


def _action(diagnosis: Diagnosis, answer: Answer | None) -> Action:
    """Return what is done when nothing is trained."""
    if diagnosis.cause is Cause.UPSTREAM_FAULT:
        return Action.QUARANTINE
    if diagnosis.cause is Cause.LABELS_IMMATURE:
        return Action.WAIT
    answered_no = answer is not None and answer.yes is False
    waits_for_more = diagnosis.cause is Cause.CONCEPT_DRIFT and not answered_no
    return Action.WAIT if waits_for_more or diagnosis.severity is Severity.UNKNOWN else Action.LOG


_WORDS = {
    Action.QUARANTINE: "No training: the faulty data is kept out of it.",
    Action.WAIT: "Nothing is done tonight but wait for more to be known.",
    Action.LOG: "Nothing to do.",
}


def _reasons(
    diagnosis: Diagnosis, answer: Answer | None, against: tuple[str, ...], action: Action, retraining: Retraining
) -> tuple[str, ...]:
    """Return what decided, first, then what triage said, and at the end what is done."""
    told = (answer.reason,) if answer is not None else ()
    if action is Action.RETRAIN:
        done = "A training is started." if retraining.enabled else "No training is started: `retraining.enabled` is false."
        return (*told, *diagnosis.reasons, done)
    if answer is not None and answer.yes:
        return (f"{answer.reason} There is no training tonight all the same.", *against, *diagnosis.reasons, _WORDS[action])
    if answer is not None and answer.yes is False:
        again = f"It is not asked again for {format_duration(retraining.cooldown)}."
        return (*told, *diagnosis.reasons, f"{_WORDS[action]} {again}")
    return (*told, *diagnosis.reasons, _WORDS[action])


def _policy(monitoring: Monitoring, retraining: Retraining) -> str:
    """Return the digest of both sections, as `ModelDefinition.digest` computes it."""
    sections = {"monitoring": monitoring.model_dump(mode="json"), "retraining": retraining.model_dump(mode="json")}
    return digest_bytes(json.dumps(sections, sort_keys=True).encode())
