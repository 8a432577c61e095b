"""A definition may want its challengers tried out on live requests."""

import asyncio
import logging
from pathlib import Path

import pytest

from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.results import RolloutLook

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "docs" / "guides" / "minimal"
ROLLOUTS = {
    "tried": "{rollout: canary}",
    "unseen": "{rollout: shadow}",
    "switched": "{rollout: blue_green, approval: {}}",
    "plain": "{rollout: direct}",
    "silent": "{}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, release in ROLLOUTS.items():
        (folder / name).mkdir()
        text = (MINIMAL / "model.yaml").read_text().replace("name: minimal", f"name: {name}")
        (folder / name / "model.yaml").write_text(f"{text}\nrelease: {release}\n")
        (folder / name / "features.py").write_text((MINIMAL / "features.py").read_text())
    return folder


@pytest.fixture
def trainings(folder, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(folder))
    bag = DagBag(str(ROOT / "dags" / "training.py"))
    assert not bag.import_errors
    return {dag_id.partition(".")[0]: dag for dag_id, dag in bag.dags.items()}


def edges(dag):
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def test_the_steps_stand_between_the_smoke_test_and_the_release(trainings):
    found = edges(trainings["tried"])
    assert found["smoke_test"] == {"prepare", "release"}
    assert "prepare" in found["validate"]
    assert found["prepare"] == {"canary_5_percent"}
    assert found["canary_5_percent"] == {"canary_25_percent"}
    assert found["canary_25_percent"] == {"canary_100_percent"}
    assert found["canary_100_percent"] == {"release"}


def test_nobody_is_asked_before_a_person_has_said_yes(trainings):
    found = edges(trainings["switched"])
    assert found["smoke_test"] == {"approve", "prepare", "release"}
    assert found["approve"] == {"prepare", "release"}
    assert found["prepare"] == {"blue_green"}
    assert found["blue_green"] == {"release"}


def test_a_shadow_is_one_task(trainings):
    assert edges(trainings["unseen"])["prepare"] == {"shadow"}


def test_a_direct_rollout_is_the_same_dag_as_ever(trainings):
    assert edges(trainings["plain"]) == edges(trainings["silent"])
    assert edges(trainings["plain"])["smoke_test"] == {"release"}
    assert not trainings["plain"].has_task("prepare")


def test_a_step_is_retried_and_owned_like_every_task_and_takes_no_templates(trainings):
    step = trainings["tried"].get_task("canary_25_percent")
    assert (step.step, step.retries, step.owner) == (2, 2, "shop-team")
    assert step.retry_policy is not None
    assert step.template_fields == ()
    assert step.trigger_rule == "all_success"


def test_a_step_survives_the_scheduler_with_its_links(trainings):
    from airflow.serialization.serialized_objects import DagSerialization

    restored = DagSerialization.from_dict(DagSerialization.to_dict(trainings["tried"]))
    step = restored.get_task("canary_5_percent")
    assert [(link.name, link.xcom_key) for link in step.operator_extra_links] == [("Gate", "_link_GateLink")]
    # So that what a step has skipped stays skipped when it is cleared.
    assert step.inherits_from_skipmixin


def a_look(outcome, **changes):
    values = {"model": "tried", "rollout_id": "d" * 32, "version": "2", "step": 1, "reasons": ("because",), "requests": 7}
    return RolloutLook.model_validate({**values, "outcome": outcome, **changes})


def watch(trigger):
    async def first():
        async for event in trigger.run():
            return event.payload
        return None

    return asyncio.run(asyncio.wait_for(first(), 20))


SECONDS_A_LOOK = 100


@pytest.fixture
def looks(monkeypatch):
    """What the looks return or raise, one after the other, and what they were asked; between two a clock goes on."""
    script, asked = [], []

    def look(settings, *arguments):
        asked.append(arguments)
        said = script.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr("evergreen.connect.rollout_trigger.look_at_step", look)
    monkeypatch.setattr("evergreen.connect.rollout_trigger.monotonic", lambda: SECONDS_A_LOOK * len(asked))
    return script, asked


def a_trigger():
    from evergreen.connect.rollout_trigger import TrialTrigger

    return TrialTrigger("tried", "d" * 32, "2", 1, 0.01)


def test_a_trigger_can_be_made_again_by_any_triggerer():
    from airflow._shared.module_loading import import_string
    from airflow.models.trigger import Trigger

    trigger = a_trigger()
    stored = Trigger.from_object(trigger)
    again = import_string(stored.classpath)(**stored.kwargs)
    assert again.serialize() == trigger.serialize()
    assert again is not trigger


def test_a_trigger_looks_until_the_step_is_over(looks):
    script, asked = looks
    script += [a_look("wait"), a_look("wait"), a_look("pass")]
    assert RolloutLook.from_xcom(watch(a_trigger())) == a_look("pass")
    assert asked == [("tried", "d" * 32, 1)] * 3


def test_a_look_that_fails_is_taken_again(looks, caplog):
    script, _ = looks
    lost = StoreUnavailableError("no answer", found="f", allowed="a", remedy="r")
    script += [lost, ValueError("half a file"), a_look("roll_back")]
    with caplog.at_level(logging.WARNING):
        assert watch(a_trigger())["outcome"] == "roll_back"
    assert "could not be looked at" in caplog.text


def test_what_nobody_can_see_is_not_tried_out(looks):
    script, asked = looks
    script += [ConnectionError("postgresql://user:secret@host")] * 10
    look = RolloutLook.from_xcom(watch(a_trigger()))
    assert len(asked) == 3
    assert (look.outcome, look.version, look.step) == ("roll_back", "2", 1)
    assert "ConnectionError" in look.reasons[0]
    assert "secret" not in look.reasons[0]


def test_one_look_in_time_begins_the_time_anew(looks):
    script, _ = looks
    script += [*[OSError("gone")] * 2, a_look("wait")] * 5 + [a_look("pass")]
    assert watch(a_trigger())["outcome"] == "pass"


def test_between_two_steps_a_pause_is_waited_for(monkeypatch):
    from evergreen.connect.rollout_trigger import ResumeTrigger

    answers = [True, StoreUnavailableError("no answer", found="f", allowed="a", remedy="r"), True, False]

    def is_held_up(settings, model, rollout_id):
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr("evergreen.connect.rollout_trigger.is_held_up", is_held_up)
    assert watch(ResumeTrigger("tried", "d" * 32, 0.01)) == {"model": "tried"}
    assert answers == []


def test_a_run_in_this_process_tries_nobody_out(trainings, monkeypatch):
    from evergreen.connect.in_process import run_dag

    monkeypatch.setattr("evergreen.connect.in_process._has_champion", lambda model: True)
    with pytest.raises(RequestError, match="tried out on live requests") as caught:
        run_dag("tried.training", {})
    assert "canary_5_percent" in str(caught.value)
    assert "--skip-trial" in caught.value.remedy
