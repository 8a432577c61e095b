"""Trials: where a challenger on trial stands, as the training that tries it out has to know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from evergreen.results import RolloutLook

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import Verdict
    from evergreen.settings import Settings

TAKEN_BACK = ("roll_back", "rolled_back")
"""Outcomes after which the champion stays."""


def step_names(definition: ModelDefinition) -> tuple[str, ...]:
    """Return the name of every step, which is its task's id: `canary_5_percent`, `shadow`; none for a direct rollout."""
    plan = definition.release
    if plan.rollout != "canary" and len(plan.steps) == 1:
        return (plan.rollout,)
    return tuple(f"{plan.rollout}_{100 * step.share:.10g}_percent".replace(".", "_") for step in plan.steps)


def stands(settings: Settings, model: str, rollout_id: str) -> RolloutEvent | None:
    """Return where a rollout stands, None before its first step."""
    from evergreen.registry.rollouts import RolloutStore

    return next(iter(RolloutStore(settings.database_url).history(model, rollout_id=rollout_id, limit=1)), None)


def look_at_step(settings: Settings, model: str, rollout_id: str, step: int) -> RolloutLook:
    """Look once at the answers; the limits are those of model.yaml as it is now.

    Raises:
        EvergreenError: They could not be looked at.
    """
    from evergreen.definitions import load_definition
    from evergreen.stages.rollout import look

    return look(load_definition(settings.definitions_dir / model), rollout_id, step, settings)


def is_held_up(settings: Settings, model: str, rollout_id: str) -> bool:
    """Return whether a rollout is paused, and may still be resumed."""
    event = stands(settings, model, rollout_id)
    return event is not None and event.is_paused and event.is_on(datetime.now(UTC))


def unseen(model: str, rollout_id: str, version: str, step: int, blind_seconds: float, error: BaseException) -> RolloutLook:
    """Return what follows when the answers cannot be looked at: the challenger is taken back.

    Of the error only its kind is told: its text may quote an address with a password.
    """
    why = f"its answers could not be looked at for {blind_seconds:.0f} s: {type(error).__name__}; the triggerer's log says more"
    return _look(model, rollout_id, version, step, "roll_back", (why,))


def of_forgotten_pause(event: RolloutEvent) -> RolloutLook:
    """Return what follows when a pause between two steps outlasts the trial: the challenger is taken back."""
    why = f"paused, and not resumed by {event.expires_at:%Y-%m-%d %H:%M} UTC: {'; '.join(event.reasons)}"
    return _look(event.model, event.rollout_id, event.version, event.step, "roll_back", (why,))


def as_ended(event: RolloutEvent) -> RolloutLook | None:
    """Return the end of a rollout as a step sees it that somebody else has ended it for, None while it goes on."""
    if event.action != "promoted" and event.action != "rolled_back":
        return None
    return _look(event.model, event.rollout_id, event.version, event.step, event.action, (*event.reasons, f"by {event.actor}"))


def of_first_release(verdict: Verdict, version: str, step: int) -> RolloutLook:
    """Return a step of a model that has no champion: there is nothing to try a challenger beside, and nobody to protect."""
    why = "there is no champion yet that could answer in its place"
    return _look(verdict.model, verdict.decision_id, version, step, "pass", (why,))


def is_untried(run: Run, verdict: Verdict) -> bool:
    """Return whether a version that should have been tried out comes to its release without: its steps were left out."""
    if not run.definition.release.steps or verdict.champion_version is None:
        return False
    return stands(run.settings, run.definition.name, verdict.decision_id) is None


def end_with_run(run: Run, verdict: Verdict) -> RolloutEvent | None:
    """Take the challenger back that this run leaves on trial; return how it ended, None where none is.

    A run that was released, or whose challenger was taken back, has none.
    """
    from evergreen.registry.rollouts import RolloutStore

    event = stands(run.settings, run.definition.name, verdict.decision_id)
    if event is None or event.has_ended:
        return None
    reasons = ("the training run ended before the trial did",)
    return RolloutStore(run.settings.database_url).roll_back(event.model, event.rollout_id, reasons=reasons, actor=run.actor)


def _look(
    model: str,
    rollout_id: str,
    version: str,
    step: int,
    outcome: Literal["pass", "roll_back", "promoted", "rolled_back"],
    reasons: tuple[str, ...],
) -> RolloutLook:
    return RolloutLook(
        model=model, rollout_id=rollout_id, version=version, step=step, outcome=outcome, reasons=reasons, requests=0
    )
