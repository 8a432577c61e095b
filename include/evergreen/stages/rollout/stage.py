"""The stage: a step begins, is looked at, and comes to its end."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError, RegistryError, RequestError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.rollouts import RolloutStore
from evergreen.registry.vouching import require_tested
from evergreen.reports.trial_report import render_trial_page
from evergreen.results import RolloutLook
from evergreen.stages.rollout.decision import decide
from evergreen.stages.rollout.evidence import gather
from evergreen.stages.rollout.kept import keep, replay
from evergreen.stages.rollout.standing import Standing
from evergreen.stages.rollout.wording import limit
from evergreen.tables.addresses import trial_page_uri
from evergreen.trial_evidence import TrialRecord

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import SmokeTest, Verdict
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def begin_step(
    definition: ModelDefinition,
    tested: SmokeTest,
    verdict: Verdict,
    step: int,
    settings: Settings,
    *,
    actor: str,
    now: datetime | None = None,
) -> RolloutEvent:
    """Begin a step of the rollout of a tested version; the gateways follow within seconds.

    Called again it changes nothing.

    Args:
        definition: The model; section `release` says how it is rolled out.
        tested: The smoke test of the version; its bytes must be the ones the verdict is about.
        verdict: The gate's answer; what counts is the record kept under its id.
        step: From 1.
        settings: Where things are.
        actor: Who asks; empty for user@host.
        now: The moment from which the step counts; default the clock's.

    Returns:
        Where the rollout stands: at this step, or further.

    Raises:
        RequestError: The definition has no such step, or the model no champion to try a challenger beside.
        UndecidedError: No `promote` record stands behind the bytes, or it was rolled out or used before.
        PromotionConflictError: The champion is another one by now, or another rollout of the model is on.
        DigestMismatchError: The bundle was changed since it was tested.
        RegistryError: The rollout is paused, or a step was left out.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    registered, plan = tested.registered, definition.release
    require_tested(tested, verdict)
    if plan.rollout == "direct" or not 1 <= step <= len(plan.steps) or verdict.champion_version is None:
        raise RequestError(
            "there is no such step to begin",
            found=f"step {step} of a rollout `{plan.rollout}` beside champion {verdict.champion_version or 'none'}",
            allowed=f"a step from 1 to {len(plan.steps)}, beside a champion",
            remedy="release it directly; the first champion of a model always is",
        )
    read_bundle(Files.from_settings(settings), registered.bundle_uri, registered.bundle_digest)
    wanted = plan.steps[step - 1]
    return RolloutStore(settings.database_url).begin_step(
        model=definition.name,
        rollout_id=verdict.decision_id,
        mode=plan.rollout,
        version=registered.version,
        champion_version=verdict.champion_version,
        step=step,
        steps=len(plan.steps),
        share=wanted.share,
        key=plan.trial.key,
        actor=actor,
        expires_at=(now or datetime.now(UTC)) + plan.trial.give_up_after,
        reasons=(f"{limit(wanted.share)} of the callers",),
    )


def look(
    definition: ModelDefinition, rollout_id: str, step: int, settings: Settings, *, now: datetime | None = None
) -> RolloutLook:
    """Look at the answers of a challenger on trial, and say whether its step goes on.

    Nothing changes, but that the evidence is kept once something is decided. Limits are those of the definition as it is now.

    Args:
        definition: The model.
        rollout_id: The decision that promotes the challenger.
        step: The step that is waited for, from 1.
        settings: Where things are.
        now: The moment of the look; default the clock's.

    Raises:
        RegistryError: The rollout, or this step of it, has not begun.
        DataError: The table of answers cannot be read.
        StoreUnavailableError: A store did not answer; looking again is safe.
    """
    standing = Standing.of(RolloutStore(settings.database_url).history(definition.name, rollout_id=rollout_id), step)
    if standing is None:
        raise RegistryError(
            "this step of a rollout has not begun",
            found=f"no step {step} of rollout {rollout_id} of {definition.name}",
            allowed="a step that has begun",
            remedy=f"list what has: evergreen releases {definition.name}",
        )
    if standing.ended_as is not None:
        return _look(standing, standing.ended_as, standing.newest.reasons)
    if standing.newest.step > step:
        return _look(standing, "pass", (f"Step {step} was passed before; the rollout is at step {standing.newest.step}.",))
    evidence = gather(definition, standing, settings, now=now or datetime.now(UTC))
    decision = decide(evidence)
    found = _look(standing, decision.outcome, decision.reasons, requests=evidence.step_requests)
    if decision.outcome == "wait":
        return found
    uri, digest = keep(TrialRecord(evidence=evidence, decision=decision), settings)
    return found.model_copy(update={"evidence_uri": uri, "evidence_digest": digest})


def conclude(definition: ModelDefinition, look: RolloutLook, settings: Settings, *, actor: str) -> RolloutLook:
    """Act on a look that has come to an end: write its page, and take the challenger back where that was decided.

    The evidence is read again by its digest, and the decision taken again; called again, it changes nothing.

    Args:
        definition: The model.
        look: What the look came to.
        settings: Where things are.
        actor: Who watches; empty for user@host.

    Returns:
        The look with the address of its page; `promoted` or `rolled_back` where somebody else was faster.

    Raises:
        RequestError: The look came to no end.
        DigestMismatchError: The evidence was changed, or does not come to what the look says.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    if look.outcome in ("promoted", "rolled_back"):
        return look
    if look.outcome == "wait":
        raise RequestError(
            "a step that goes on cannot be concluded",
            found=f"step {look.step} of rollout {look.rollout_id}: {'; '.join(look.reasons)}",
            allowed="a look that says `pass` or `roll_back`",
            remedy="look again later",
        )
    concluded = look
    if look.evidence_uri:
        record, files = _read(look, settings), Files.from_settings(settings)
        page = trial_page_uri(settings, definition.name, look.rollout_id, look.step)
        text = render_trial_page(record, evidence_digest=look.evidence_digest, zone=definition.schedule.zone)
        files.write_bytes(page, text.encode())
        concluded = look.model_copy(update={"report_uri": page})
    logger.info("%s, step %d: %s. %s", look.model, look.step, look.outcome, look.reasons[0])
    if look.outcome == "pass":
        return concluded
    event = RolloutStore(settings.database_url).roll_back(
        look.model,
        look.rollout_id,
        reasons=look.reasons,
        actor=actor,
        evidence_uri=look.evidence_uri,
        evidence_digest=look.evidence_digest,
    )
    if event.action == "promoted":
        return concluded.model_copy(update={"outcome": "promoted", "reasons": event.reasons})
    return concluded


def _look(standing: Standing, outcome: str, reasons: tuple[str, ...], *, requests: int = 0) -> RolloutLook:
    event = standing.newest
    return RolloutLook.model_validate(
        {
            "model": event.model,
            "rollout_id": event.rollout_id,
            "version": event.version,
            "step": standing.began.step,
            "outcome": outcome,
            "reasons": reasons,
            "requests": requests,
        }
    )


def _read(look: RolloutLook, settings: Settings) -> TrialRecord:
    data = Files.from_settings(settings).read_bytes(look.evidence_uri)
    found = digest_bytes(data)
    if found != look.evidence_digest:
        raise _mismatch(look, f"digest {found}")
    record = TrialRecord.from_bytes(data)
    told = (record.evidence.rollout_id, record.evidence.step.number, record.decision.outcome, record.decision.reasons)
    if told != (look.rollout_id, look.step, look.outcome, look.reasons) or not replay(record):
        raise _mismatch(look, f"evidence of step {told[1]} of rollout {told[0]}, `{told[2]}`")
    return record


def _mismatch(look: RolloutLook, found: str) -> DigestMismatchError:
    return DigestMismatchError(
        "the evidence of a trial is not what was decided on",
        found=f"{look.evidence_uri}: {found}",
        allowed=f"digest {look.evidence_digest}, step {look.step} of rollout {look.rollout_id}, `{look.outcome}`",
        remedy="look again; nothing is decided on changed evidence",
    )
