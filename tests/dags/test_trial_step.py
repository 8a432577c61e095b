"""One step's task, with real stores and without a scheduler: how it begins, waits, and what it does with every end."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from evergreen.connect.alerts.channels import LOG_NAME
from evergreen.connect.run import Run
from evergreen.errors import PromotionConflictError
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import RegisteredVersion, RolloutLook, SmokeTest
from evergreen.settings import Settings
from released_models import (
    AS_OF,
    MODEL,
    Nowhere,
    a_bundle,
    a_definition,
    judge,
    register_without_mlflow,
    release_without_mlflow,
)

CANARY = {"rollout": "canary", "trial": {"steps": [{"share": 0.1}, {"share": 1.0}], "look_every": "7s"}}


class Instance:
    """A task instance: what earlier tasks returned, and what this one keeps."""

    map_index = -1

    def __init__(self, **returned):
        self.returned = returned
        self.kept = {}

    def xcom_pull(self, task_ids):
        return self.returned[task_ids]

    def xcom_push(self, key, value):
        self.kept[key] = value


class Trial:
    """Version 2, judged against the champion, version 1; and the tasks of its two steps."""

    def __init__(self, settings):
        from airflow.sdk import DAG
        from airflow.sdk.bases.operator import BaseOperator

        from evergreen.connect.rollout import rollout_tasks

        self.settings = settings
        self.registry = ReleaseRegistry(settings, mirror=Nowhere())
        self.store = RolloutStore(settings.database_url)
        release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "logistic_regression", seed=1)))
        judged = judge(settings, a_bundle(settings, "logistic_regression", seed=2), against="1")
        version = register_without_mlflow(settings, 2, judged)
        self.rollout_id = judged.record.id
        registered = RegisteredVersion(**version.model_dump(include=set(RegisteredVersion.model_fields)))
        figures = ("max_difference", "pyfunc_max_difference", "load_seconds", "peak_memory_mb")
        latencies = ("single_row_p50_ms", "single_row_p99_ms")
        tested = SmokeTest(registered=registered, rows=1, **dict.fromkeys((*figures, *latencies), 0.0))
        self.returned = {"gate": judged.verdict.to_xcom(), "smoke_test": tested.to_xcom()}
        self.run = Run(a_definition(release=CANARY), settings, AS_OF, force=False, dry_run=False, reason="test", run_id="r1")
        with DAG(f"{MODEL}.training", schedule=None):
            self.steps = rollout_tasks(self.run.definition)
            self.steps[0] >> self.steps[1] >> BaseOperator(task_id="release")

    def call(self, step, method="execute", **arguments):
        """Call a method of a step's task; return what it returns and what was kept."""
        instance = Instance(**self.returned)
        context = {"ti": instance, "dag_run": SimpleNamespace(dag_id=f"{MODEL}.training", run_id="r1")}
        return getattr(self.steps[step - 1], method)(context, **arguments), instance.kept

    def wait_of(self, step, method="execute", **arguments):
        """Call a method that waits; return what for and how it goes on."""
        from airflow.sdk.exceptions import TaskDeferred

        with pytest.raises(TaskDeferred) as caught:
            self.call(step, method, **arguments)
        classpath, kwargs = caught.value.trigger.serialize()
        return classpath.rpartition(".")[2], kwargs, caught.value.method_name

    def end_of(self, step, method="execute", **arguments):
        """Call a method that takes the challenger back; return the look that was kept and the tasks that are skipped."""
        from airflow.sdk.exceptions import DownstreamTasksSkipped

        instance = Instance(**self.returned)
        context = {"ti": instance, "dag_run": SimpleNamespace(dag_id=f"{MODEL}.training", run_id="r1")}
        with pytest.raises(DownstreamTasksSkipped) as caught:
            getattr(self.steps[step - 1], method)(context, **arguments)
        # So that they stay skipped when somebody clears them.
        assert instance.kept["skipmixin_key"] == {"skipped": caught.value.tasks}
        return RolloutLook.from_xcom(instance.kept["return_value"]), caught.value.tasks

    def look(self, outcome, step=1):
        values = {"model": MODEL, "rollout_id": self.rollout_id, "version": "2", "step": step, "requests": 300}
        return RolloutLook.model_validate({**values, "outcome": outcome, "reasons": ("because",)}).to_xcom()

    def actions(self):
        return [(event.action, event.step) for event in reversed(self.store.history(MODEL))]

    def told(self):
        path = self.settings.home / LOG_NAME
        return [json.loads(line)["level"] for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.fixture
def trial(tmp_path, monkeypatch):
    trial = Trial(Settings(home=tmp_path))
    monkeypatch.setattr("evergreen.connect.run.current_run", lambda: trial.run)
    return trial


def test_a_step_begins_and_waits_in_the_triggerer(trial):
    kind, kwargs, method = trial.wait_of(1)
    assert (kind, method) == ("TrialTrigger", "conclude")
    assert kwargs == {"model": MODEL, "rollout_id": trial.rollout_id, "version": "2", "step": 1, "every_seconds": 7.0}
    event = trial.store.current(MODEL)
    assert (event.step, event.steps, event.share, event.actor) == (1, 2, 0.1, trial.run.actor)


def test_a_step_that_is_cleared_goes_on_where_it_stands(trial):
    trial.wait_of(1)
    trial.wait_of(1)
    assert trial.actions() == [("step", 1)]


def test_a_step_that_passes_leads_to_the_next_and_the_last_one_to_the_release(trial):
    trial.wait_of(1)
    returned, _ = trial.call(1, "conclude", event=trial.look("pass"))
    assert returned["outcome"] == "pass"
    trial.wait_of(2)
    assert trial.call(2, "conclude", event=trial.look("pass", 2))[0]["outcome"] == "pass"
    assert trial.actions() == [("step", 1), ("step", 2)]
    assert trial.told() == []


def test_a_challenger_that_is_taken_back_skips_the_rest_and_is_told_of(trial):
    trial.wait_of(1)
    look, skipped = trial.end_of(1, "conclude", event=trial.look("roll_back"))
    assert (look.outcome, look.reasons) == ("roll_back", ("because",))
    assert skipped == ["canary_100_percent"]
    assert trial.actions() == [("step", 1), ("rolled_back", 1)]
    assert trial.registry.champion(MODEL).version == "1"
    assert trial.told() == ["warning"]


def test_a_task_that_died_after_that_comes_to_the_same_end_and_tells_nobody_twice(trial):
    trial.wait_of(1)
    trial.end_of(1, "conclude", event=trial.look("roll_back"))
    look, skipped = trial.end_of(1)
    assert (look.outcome, skipped) == ("rolled_back", ["canary_100_percent"])
    assert look.reasons == ("because", f"by {trial.run.actor}")
    assert trial.told() == ["warning"]


@pytest.mark.parametrize("outcome", ["rolled_back", "pass"])
def test_what_a_person_took_back_is_not_released_whenever_they_did(trial, outcome):
    trial.wait_of(1)
    trial.wait_of(2)
    trial.store.roll_back(MODEL, trial.rollout_id, reasons=("odd answers",), actor="viv")
    look, skipped = trial.end_of(2, "conclude", event=trial.look(outcome, 2))
    assert look.outcome == "rolled_back"
    assert skipped == ["release"]


def test_what_a_person_promoted_passes_at_once(trial):
    trial.wait_of(1)
    trial.registry.promote(MODEL, "2", trial.rollout_id, "1", rollout="canary", actor="viv")
    assert trial.call(1, "conclude", event=trial.look("promoted"))[0]["outcome"] == "promoted"
    returned, _ = trial.call(2)
    assert (returned["outcome"], returned["reasons"][-1]) == ("promoted", "by viv")


def test_a_pause_between_two_steps_is_waited_for(trial):
    trial.wait_of(1)
    trial.store.pause(MODEL, reason="wait for Monday", actor="viv")
    kind, kwargs, method = trial.wait_of(2)
    assert (kind, method) == ("ResumeTrigger", "look_again")
    assert kwargs == {"model": MODEL, "rollout_id": trial.rollout_id, "every_seconds": 7.0}
    assert trial.actions() == [("step", 1), ("pause", 1)]
    trial.store.resume(MODEL, reason="Monday", actor="viv")
    assert trial.wait_of(2, "look_again", event={"model": MODEL})[0] == "TrialTrigger"
    assert trial.store.current(MODEL).step == 2


def test_a_pause_that_nobody_ends_ends_the_trial(trial):
    trial.store.begin_step(
        model=MODEL,
        rollout_id=trial.rollout_id,
        mode="canary",
        version="2",
        champion_version="1",
        step=1,
        steps=2,
        share=0.1,
        key=(),
        actor="test",
        expires_at=datetime.now(UTC) + timedelta(seconds=0.3),
    )
    trial.store.pause(MODEL, reason="wait for Monday", actor="viv")
    while trial.store.current(MODEL).is_on(datetime.now(UTC)):
        pass
    look, _ = trial.end_of(2)
    assert look.outcome == "roll_back"
    assert "wait for Monday" in look.reasons[0]
    assert trial.actions() == [("step", 1), ("pause", 1), ("rolled_back", 1)]


def test_a_champion_that_moved_is_no_end_of_a_trial_but_an_error_before_it(trial):
    other = judge(trial.settings, a_bundle(trial.settings, "baseline", seed=3), against="1")
    release_without_mlflow(trial.settings, 3, other)
    with pytest.raises(PromotionConflictError):
        trial.call(1)
    assert trial.actions() == []


def test_a_model_without_a_champion_tries_nobody_out(trial):
    trial.returned["gate"] = {**trial.returned["gate"], "champion_version": None}
    assert trial.call(1)[0]["outcome"] == "pass"
    assert trial.actions() == []


def test_a_later_challenger_that_passes_ends_the_incident(trial):
    trial.wait_of(1)
    trial.end_of(1, "conclude", event=trial.look("roll_back"))
    judged = judge(trial.settings, a_bundle(trial.settings, "logistic_regression", seed=4), against="1")
    version = register_without_mlflow(trial.settings, 4, judged)
    registered = RegisteredVersion(**version.model_dump(include=set(RegisteredVersion.model_fields)))
    trial.returned["gate"] = judged.verdict.to_xcom()
    trial.returned["smoke_test"] = {**trial.returned["smoke_test"], "registered": registered.to_xcom()}
    trial.rollout_id = judged.record.id
    trial.wait_of(1)
    trial.call(1, "conclude", event={**trial.look("pass"), "version": "4"})
    assert trial.told() == ["warning"]
    trial.wait_of(2)
    trial.call(2, "conclude", event={**trial.look("pass", 2), "version": "4"})
    assert trial.told() == ["warning", "recovered"]


def test_the_end_of_the_run_is_the_end_of_its_trial(trial, monkeypatch):
    from evergreen.connect.rollout import end_with_this_run

    context = {"ti": Instance(**trial.returned), "dag_run": SimpleNamespace(dag_id=f"{MODEL}.training", run_id="r1")}
    monkeypatch.setattr("airflow.sdk.get_current_context", lambda: context)
    end_with_this_run(trial.run)
    assert (trial.actions(), trial.told()) == ([], [])
    trial.wait_of(1)
    end_with_this_run(trial.run)
    assert trial.actions() == [("step", 1), ("rolled_back", 1)]
    assert trial.told() == ["warning"]
    context["ti"].returned["gate"] = None  # a run that failed before its gate
    end_with_this_run(trial.run)
