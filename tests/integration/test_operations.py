"""What a person does by hand in Airflow, and the sweep: each DAG run whole, beside a challenger on trial."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from evergreen.connect import in_process
from evergreen.connect.in_process import run_dag
from evergreen.errors import RequestError
from evergreen.registry import releases
from integration.night import MODEL
from released_models import Nowhere, a_bundle
from rollout_world import RolloutWorld


@pytest.fixture
def world(night, monkeypatch):
    """A champion, version 1, and its challenger, version 2, at the first step of its trial."""
    for name, value in night.settings.model_dump(mode="json").items():
        monkeypatch.setenv(f"EVERGREEN_{name.upper()}", str(value))
    # MLflow only mirrors what happens here; test_training.py asks it.
    monkeypatch.setattr(releases, "MlflowAliases", lambda settings: Nowhere())
    bundle = a_bundle(night.settings, "baseline")
    world = RolloutWorld(night.settings, MODEL, {2: (bundle.bundle_uri, bundle.bundle_digest)})
    world.release(1, None)
    world.register(2, "1")
    world.begin(2, actor="ada, run manual__1")
    return world


def run(kind, **conf):
    outcome = run_dag(f"{MODEL}.{kind}", conf)
    assert outcome.succeeded, outcome.errors
    return outcome.returned[kind]


def test_a_rollout_is_paused_and_resumed(world):
    said = run("pause_rollout", reason="wait for Monday")
    assert (said["action"], said["reasons"]) == ("pause", ["wait for Monday"])
    assert ", run " in said["actor"]
    run("pause_rollout", reason="Monday", resume=True)
    assert world.actions() == [("step", "2"), ("pause", "2"), ("resume", "2")]


def test_a_challenger_is_taken_back_and_the_champion_stays(world):
    said = run("rollback", reason="nonsense")
    assert (said["action"], said["version"]) == ("rolled_back", "2")
    assert world.store.current(MODEL) is None
    assert world.registry.champion(MODEL).version == "1"


@pytest.mark.parametrize("asked", [{}, {"version": "2"}])
def test_a_challenger_is_promoted(world, asked):
    said = run("promote", reason="snow is coming", **asked)
    assert (said["version"], said["previous_version"], said["rollout"]) == ("2", "1", "canary")
    move = world.registry.timeline(MODEL)[0]
    assert move.reason == "snow is coming (step 1 of 3 of its trial)"
    assert move.request_id
    assert world.store.history(MODEL, limit=1)[0].action == "promoted"


def test_without_a_challenger_a_pause_fails_and_says_why(world):
    run("rollback", reason="nonsense")
    outcome = run_dag(f"{MODEL}.pause_rollout", {"reason": "wait"})
    assert not outcome.succeeded
    assert "no challenger is on trial" in str(outcome.errors[0])


def test_a_value_that_the_form_does_not_take_is_explained_in_the_forms_words(world):
    with pytest.raises(RequestError, match="a run parameter is not allowed") as caught:
        run("promote", reason="why not", version="v2")
    assert (caught.value.found, "A registered version" in caught.value.allowed) == ("version='v2'", True)
    assert "evergreen run promote" not in caught.value.remedy, "there is no such command"


def test_a_field_that_the_form_does_not_have_is_refused_by_the_task_itself(world, monkeypatch):
    """Airflow's API takes it; a run in this process does not get that far."""
    monkeypatch.setattr(in_process, "require_known", lambda *_: None)
    outcome = run_dag(f"{MODEL}.rollback", {"reason": "nonsense", "versoin": "1"})
    assert not outcome.succeeded
    assert "versoin" in str(outcome.errors[0])
    assert world.actions() == [("step", "2")]


def test_the_sweep_takes_back_a_challenger_whose_training_is_gone(world):
    outcome = run_dag("evergreen.sweep", {})
    assert outcome.succeeded, outcome.errors
    assert outcome.returned["end_forgotten_rollouts"] == [f"{MODEL} version 2: its training run manual__1 is over"]
    assert world.actions() == [("step", "2"), ("rolled_back", "2")]


@pytest.mark.parametrize("state", ["queued", "running", "failed", "success"])
def test_the_sweep_asks_airflow_whether_the_training_goes_on(world, state):
    from airflow.models.dagrun import DagRun
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    initdb()
    with create_session() as session:
        found = session.scalar(select(DagRun).where(DagRun.dag_id == f"{MODEL}.training", DagRun.run_id == "manual__1"))
        training = found or DagRun(dag_id=f"{MODEL}.training", run_id="manual__1", run_type=DagRunType.MANUAL)
        training.run_after = datetime.now(UTC)
        training.set_state(state)
        session.add(training)
    outcome = run_dag("evergreen.sweep", {})
    assert outcome.succeeded, outcome.errors
    goes_on = state in ("queued", "running")
    assert (world.store.current(MODEL) is not None) == goes_on
    assert bool(outcome.returned["end_forgotten_rollouts"]) != goes_on
