"""A rollout in the training DAG: one task per step, which begins it, waits without a worker, and takes what came of it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, SkipMixin
from airflow.sdk.exceptions import TaskDeferred

from evergreen.connect.operator_links import GateLink
from evergreen.connect.trials import (
    TAKEN_BACK,
    as_ended,
    end_with_run,
    of_first_release,
    of_forgotten_pause,
    stands,
    step_names,
)
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import RolloutLook, SmokeTest, Verdict

_log = logging.getLogger(__name__)


class TrialStep(BaseOperator, SkipMixin):
    """Tries the tested version out on live requests: one step of its rollout.

    The step passes, or the challenger is taken back, and all that follows is skipped: the champion stays, and the run is a
    good run. Cleared or tried again it goes on where the rollout stands.

    Args:
        step: From 1.
    """

    template_fields = ()
    operator_extra_links = (GateLink(),)
    inherits_from_skipmixin = True

    def __init__(self, *, step: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.step = step

    def execute(self, context: Any) -> Any:
        """Begin the step, and wait for its end."""
        from evergreen.connect.run import current_run
        from evergreen.results import SmokeTest, Verdict

        run, ti = current_run(), context["ti"]
        tested = SmokeTest.from_xcom(ti.xcom_pull(task_ids="smoke_test"))
        verdict = Verdict.from_xcom(ti.xcom_pull(task_ids="gate"))
        if verdict.champion_version is None:
            return of_first_release(verdict, tested.registered.version, self.step).to_xcom()
        event = stands(run.settings, run.definition.name, verdict.decision_id)
        return self._go_on(run, self._hindered(run, event) or self._begin(run, tested, verdict), context)

    def look_again(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on after a pause between two steps."""
        return self.execute(context)

    def conclude(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep what was decided on, and act on it."""
        from evergreen.connect.run import current_run
        from evergreen.results import RolloutLook
        from evergreen.stages.rollout import conclude

        run = current_run()
        look = conclude(run.definition, RolloutLook.from_xcom(event), run.settings, actor=run.actor)
        newest = stands(run.settings, look.model, look.rollout_id)
        # Somebody may have ended it after the look that let it pass.
        ended = as_ended(newest) if newest is not None and look.outcome == "pass" else None
        return self._go_on(run, ended or look, context)

    def _begin(self, run: Run, tested: SmokeTest, verdict: Verdict) -> RolloutLook:
        """Begin the step and wait; return its end where somebody ends the rollout at this very moment."""
        from evergreen.connect.rollout_trigger import TrialTrigger
        from evergreen.stages.rollout import begin_step

        try:
            began = begin_step(run.definition, tested, verdict, self.step, run.settings, actor=run.actor)
        except EvergreenError:
            hindered = self._hindered(run, stands(run.settings, run.definition.name, verdict.decision_id))
            if hindered is None:
                raise
            return hindered
        _log.info("step %d of %d: %g %% of the callers", began.step, began.steps, 100 * began.share)
        every = run.definition.release.trial.look_every.total_seconds()
        trigger = TrialTrigger(run.definition.name, verdict.decision_id, tested.registered.version, self.step, every)
        raise TaskDeferred(trigger=trigger, method_name="conclude")

    def _hindered(self, run: Run, event: RolloutEvent | None) -> RolloutLook | None:
        """Return how the rollout has ended, None where the step may begin; wait where it is paused between two steps.

        Where nobody ends the pause in time, the challenger is taken back.
        """
        from evergreen.connect.rollout_trigger import ResumeTrigger
        from evergreen.stages.rollout import conclude

        if event is None or not event.is_paused or event.step >= self.step:
            return None if event is None else as_ended(event)
        if not event.is_on(datetime.now(UTC)):
            return conclude(run.definition, of_forgotten_pause(event), run.settings, actor=run.actor)
        _log.info("paused: %s", "; ".join(event.reasons))
        every = run.definition.release.trial.look_every.total_seconds()
        raise TaskDeferred(trigger=ResumeTrigger(event.model, event.rollout_id, every), method_name="look_again")

    def _go_on(self, run: Run, look: RolloutLook, context: Any) -> Any:
        from evergreen.connect.alerts.incident import of_rollout
        from evergreen.connect.alerts.occasions import tell_if_possible

        _log.info("%s: %s", look.outcome, "; ".join(look.reasons))
        page = _page(run, look, context)
        if look.outcome not in TAKEN_BACK:
            if self.step == len(run.definition.release.steps) or look.outcome == "promoted":
                tell_if_possible(of_rollout(look.model, look.version, None, page), run)
            return look.to_xcom()
        tell_if_possible(of_rollout(look.model, look.version, look.reasons, page), run)
        # Skipping what follows ends the task here, before Airflow would keep what it returns.
        context["ti"].xcom_push(key="return_value", value=look.to_xcom())
        self.skip(context["ti"], [task for task in self.get_direct_relatives(upstream=False) if not task.is_teardown])
        return None


def rollout_tasks(definition: ModelDefinition) -> list[TrialStep]:
    """Return one task per step of the rollout, in order; none for a direct one. Call it inside the DAG."""
    names = step_names(definition)
    return [TrialStep(task_id=name, step=number) for number, name in enumerate(names, start=1)]


def end_with_this_run(run: Run) -> None:
    """Take back, and tell of, a challenger that the run which is executing leaves on trial."""
    from airflow.sdk import get_current_context

    from evergreen.connect.alerts.incident import of_rollout
    from evergreen.connect.alerts.occasions import run_page, tell_if_possible
    from evergreen.results import Verdict

    context = get_current_context()
    judged = context["ti"].xcom_pull(task_ids="gate")
    ended = end_with_run(run, Verdict.from_xcom(judged)) if judged else None
    if ended is not None:
        link = run_page(context["dag_run"].dag_id, context["dag_run"].run_id)
        tell_if_possible(of_rollout(ended.model, ended.version, ended.reasons, link), run)


def _page(run: Run, look: RolloutLook, context: Any) -> str:
    from evergreen.connect.alerts.occasions import base_url, run_page
    from evergreen.connect.links import report_link

    page = report_link(look.to_xcom(), run.settings)
    return base_url() + page if page else run_page(context["dag_run"].dag_id, context["dag_run"].run_id)
