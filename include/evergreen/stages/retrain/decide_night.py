"""The night's decision, pure: the same diagnosis, measurements and past always give the same one, with the same id.

It retrains, or takes a release back, only when every single rule holds; what is not known never holds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from evergreen.definitions.words import format_duration
from evergreen.digests import digest_bytes, digest_json
from evergreen.observation import Action, Cause, NightDecision, Severity
from evergreen.registry.restraints import restraints
from evergreen.stages.retrain.answer import Answer, judge_probe
from evergreen.stages.retrain.way_back import judge_probation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.definitions.monitoring import Monitoring
    from evergreen.definitions.release import Probation
    from evergreen.definitions.retraining import Retraining
    from evergreen.observation import Diagnosis, PastNight, ProbationMeasurement, ProbeMeasurement


class Compared(NamedTuple):
    """A new champion beside the release that it replaced, and the rules that were in force."""

    measurement: ProbationMeasurement
    rules: Probation


def decide_night(
    diagnosis: Diagnosis,
    probe: ProbeMeasurement | None,
    past: Sequence[PastNight],
    *,
    new_rows: int | None,
    released_at: datetime | None,
    monitoring: Monitoring,
    retraining: Retraining,
    compared: Compared | None = None,
    revision: int = 1,
) -> NightDecision:
    """Decide what is done about a night.

    A champion that is worse than the release before is taken back, and nothing is trained: whether a training would help is
    asked anew of the release that comes back.

    Args:
        diagnosis: What triage made of it.
        probe: Whether a refit would have beaten the champion; None: nobody asked, or it did not answer.
        past: Earlier nights, newest first.
        new_rows: Matured outcomes that the champion has not learned from; None: not known.
        released_at: When the champion became champion; None: not known, or there is none.
        monitoring: How much there must be to judge on.
        retraining: The rules.
        compared: Whether the champion is worse than what it replaced; None: no look at it was due.
        revision: How often this night has been decided, this time among them; the store counts for itself.
    """
    answer = judge_probe(diagnosis, probe, retraining.probe, monitoring.performance) if diagnosis.wants_probe else None
    worse = compared and judge_probation(diagnosis, compared.measurement, compared.rules, monitoring.performance)
    against = restraints(past, as_of=diagnosis.as_of, released_at=released_at, new_rows=new_rows, retraining=retraining)
    faults = _faults(diagnosis)
    untold = (*faults, *_unknown(diagnosis))
    done = _done(diagnosis, answer, worse, faults=faults, against=(*untold, *against))
    if compared and done is Action.ROLLBACK:
        reasons = _reasons_to_go_back(compared, worse, answer, diagnosis)
    else:
        reasons = _reasons(diagnosis, answer, (*untold, *against), done, retraining)
        reasons = (*reasons[:-1], *_reasons_to_stay(worse, faults), reasons[-1])
    return NightDecision(
        model=diagnosis.model,
        as_of=diagnosis.as_of,
        revision=revision,
        release_version=diagnosis.release_version,
        bundle_digest=diagnosis.bundle_digest,
        cause=Cause.WORSE_RELEASE if done is Action.ROLLBACK else diagnosis.cause,
        action=done,
        severity=_severity(diagnosis, done),
        reasons=reasons,
        alarms=diagnosis.alarms,
        faulty_days=diagnosis.faulty_days,
        probed=answer is not None and answer.yes is not None,
        starts_training=done is Action.RETRAIN and retraining.enabled,
        rolls_back_to=_way_back(compared) if done is Action.ROLLBACK else None,
        new_rows=new_rows if isinstance(new_rows, int) else 0,
        diagnosis_digest=digest_bytes(diagnosis.to_bytes()),
        probe_digest=digest_bytes(probe.to_bytes()) if probe is not None else None,
        probation_digest=digest_bytes(compared.measurement.to_bytes()) if compared is not None else None,
        policy_digest=_policy(monitoring, retraining, compared.rules if compared is not None else None),
        past_digest=digest_json([night.to_xcom() for night in past]),
    )


def _policy(monitoring: Monitoring, retraining: Retraining, probation: Probation | None) -> str:
    """Return the digest of the sections that decided, as `ModelDefinition.digest` computes it; probation where it did."""
    sections = {"monitoring": monitoring.model_dump(mode="json"), "retraining": retraining.model_dump(mode="json")}
    if probation is not None:
        sections["probation"] = probation.model_dump(mode="json")
    return digest_bytes(json.dumps(sections, sort_keys=True).encode())


def _unknown(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return what forbids a training besides: a check that could tell nothing. Two releases were compared all the same."""
    return ("How the night looks could not be told.",) if diagnosis.severity is Severity.UNKNOWN else ()


def _faults(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return a sentence for each thing about the night itself that forbids a training, and a way back."""
    found = {
        "There is no release that could be replaced.": diagnosis.release_version is None or diagnosis.bundle_digest is None,
        "A fault is open.": diagnosis.cause in (Cause.UPSTREAM_FAULT, Cause.SERVICE_FAULT),
        "No cause is known while the labels are not there.": diagnosis.cause is Cause.LABELS_IMMATURE,
    }
    return tuple(sentence for sentence, forbids in found.items() if forbids)


def _done(
    diagnosis: Diagnosis,
    answer: Answer | None,
    worse: Answer | None,
    *,
    faults: tuple[str, ...],
    against: tuple[str, ...],
) -> Action:
    if worse is not None and worse.yes and not faults:
        return Action.ROLLBACK
    if answer is not None and answer.yes and not against:
        return Action.RETRAIN
    if diagnosis.cause is Cause.UPSTREAM_FAULT:
        return Action.QUARANTINE
    if diagnosis.cause is Cause.LABELS_IMMATURE:
        return Action.WAIT
    answered_no = answer is not None and answer.yes is False
    waits_for_more = diagnosis.cause is Cause.CONCEPT_DRIFT and not answered_no
    return Action.WAIT if waits_for_more or diagnosis.severity is Severity.UNKNOWN else Action.LOG


def _way_back(compared: Compared | None) -> str | None:
    return compared.measurement.replaced_version if compared is not None and compared.rules.enabled else None


def _severity(diagnosis: Diagnosis, done: Action) -> Severity:
    """A release that is taken back is told of, however quiet the night was otherwise."""
    quiet = diagnosis.severity in (Severity.OK, Severity.UNKNOWN)
    return Severity.WARNING if done is Action.ROLLBACK and quiet else diagnosis.severity


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


def _reasons_to_go_back(
    compared: Compared, worse: Answer | None, answer: Answer | None, diagnosis: Diagnosis
) -> tuple[str, ...]:
    told = tuple(each.reason for each in (worse, answer) if each is not None)
    done = "Nothing is taken back: `release.probation.enabled` is false."
    if compared.rules.enabled:
        done = f"Version {compared.measurement.replaced_version} becomes the champion again."
    return (*told, *diagnosis.reasons, done)


def _reasons_to_stay(worse: Answer | None, faults: tuple[str, ...]) -> tuple[str, ...]:
    if worse is None:
        return ()
    if worse.yes:
        return (f"{worse.reason} It is not taken back tonight all the same.", *faults)
    return (worse.reason,)
