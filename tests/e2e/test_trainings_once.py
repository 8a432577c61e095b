"""With a real scheduler: one training per decision, whatever is started twice, paused, lost or killed."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from e2e.test_stack import Stack, came_back
from evergreen.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

DAGS = """
import os
import time
from datetime import timedelta

from airflow.sdk import DAG, Param, task

from evergreen.connect.monitoring_tasks import due
from evergreen.connect.triggering import trigger_trainings

PARAMS = {"as_of": None, "force": False, "reason": None}
AGAIN = {"retries": 3, "retry_delay": timedelta(seconds=1)}

with DAG("minimal.monitoring", catchup=False, max_active_runs=5, params=PARAMS, default_args=AGAIN):

    @task
    def decide() -> dict:
        # What stands in for a night: a decision to retrain, of this run's as-of.
        from evergreen.connect.run import current_run
        from evergreen.observation import NightDecision
        from evergreen.registry.nights import NightStore, decision_id

        run = current_run()
        digests = ("bundle_digest", "diagnosis_digest", "probe_digest", "policy_digest", "past_digest")
        night = NightDecision(
            model="minimal", as_of=run.as_of, release_version="1", cause="concept_drift", action="retrain", severity="critical",
            reasons=("{{ 7 * 7 }} is no template",), alarms=(), probed=True, starts_training=True, new_rows=1,
            **dict.fromkeys(digests, "0" * 32),
        )
        return {"decision_id": decision_id(NightStore(run.settings.database_url).record(night))}

    trigger_trainings(due(decide()))

TRAINING = {**PARAMS, "decision": Param(None, type=["null", "string"])}

with DAG("minimal.training", catchup=False, max_active_runs=1, params=TRAINING, default_args=AGAIN):

    @task
    def ingest() -> str:
        from evergreen.connect.run import current_run
        from evergreen.connect.trainings import note_arrival

        run = current_run()
        note_arrival(run)
        return run.reason

    @task
    def train(reason: str) -> str:
        time.sleep(float(os.environ.get("TOY_SECONDS", "1")))
        return reason

    train(ingest())
"""
SWEEP = PROJECT_ROOT / "dags" / "sweep.py"


class Trainings(Stack):
    """A stack whose model decides to retrain every night, with the real sweep, `due` and trigger."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        dags = home / "dags"
        (dags / "nights.py").write_text(DAGS)
        (dags / "sweep.py").write_text(SWEEP.read_text())
        self.environment |= {
            "EVERGREEN_DEFINITIONS_DIR": str(PROJECT_ROOT / "docs" / "guides"),
            # A task that lost its scheduler is found after these; by default that takes five minutes.
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            "TOY_SECONDS": "4",
        }

    def api(self):
        from evergreen.cli.airflow_api import AirflowApi

        password = json.loads(self.layout.secrets_path.read_text())["admin_password"]
        return AirflowApi(self.layout.airflow_url, "admin", password)

    def runs(self, api, dag_id="minimal.training"):
        answer = api._json("GET", f"/dags/{dag_id}/dagRuns?limit=200") or {}
        return {run["dag_run_id"]: run for run in answer["dag_runs"]}

    def ended(self, api, dag_id, run_ids, limit_seconds=120):
        deadline = time.monotonic() + limit_seconds
        while True:
            states = {run_id: self.runs(api, dag_id).get(run_id, {}).get("state") for run_id in run_ids}
            if set(states.values()) <= {"success", "failed"} or time.monotonic() > deadline:
                return states
            time.sleep(0.5)

    def store(self):
        from evergreen.registry.nights import NightStore

        return NightStore(f"sqlite:///{self.home / 'evergreen.db'}")


def pause(api, dag_id, paused):
    api._json("PATCH", f"/dags/{dag_id}", {"is_paused": paused})


def sweep(stack, api, name):
    api.trigger("evergreen.sweep", name, {})
    assert stack.ended(api, "evergreen.sweep", [name]) == {name: "success"}


def decided_on(stack):
    from evergreen.registry.nights import decision_id

    return {decision_id(night): night for night in stack.store()._read(_all_nights())}


def _all_nights():
    from sqlalchemy import select

    from evergreen.registry.schema import nights

    return select(nights)


@pytest.fixture
def stack(tmp_path):
    stack = Trainings(tmp_path / "home")
    code, output = stack.up()
    assert code == 0, output
    yield stack
    stack.run("down")


@pytest.mark.timeout(600)
def test_one_training_per_decision(stack):
    api = stack.api()
    for dag_id in ("minimal.monitoring", "minimal.training", "evergreen.sweep"):
        api.wait_for_dag(dag_id, 120)
        pause(api, dag_id, False)
    monitoring = {}

    def night(name, day):
        monitoring[name] = day
        api.trigger("minimal.monitoring", name, {"as_of": f"2026-05-{day:02d}"})

    # Three runs of one night at once.
    for number in range(3):
        night(f"same-{number}", 1)
    assert set(stack.ended(api, "minimal.monitoring", list(monitoring)).values()) == {"success"}
    [first] = decided_on(stack)
    assert stack.ended(api, "minimal.training", [first]) == {first: "success"}
    assert list(stack.runs(api)) == [first]

    # Its training knows why it runs, and nothing of the reason was rendered.
    run = stack.runs(api)[first]
    assert run["conf"]["decision"] == first
    assert "{{ 7 * 7 }}" in run["conf"]["reason"]
    assert first in run["note"]

    # Paused: it is asked for again and again, by nights and by the sweep, and waits as one.
    pause(api, "minimal.training", True)
    night("paused-1", 2)
    night("paused-2", 3)
    assert set(stack.ended(api, "minimal.monitoring", ["paused-1", "paused-2"]).values()) == {"success"}
    sweep(stack, api, "sweep-paused-1")
    sweep(stack, api, "sweep-paused-2")
    waiting = {run_id for run_id, run in stack.runs(api).items() if run["state"] == "queued"}
    assert waiting == set(decided_on(stack)) - {first}
    pause(api, "minimal.training", False)
    assert set(stack.ended(api, "minimal.training", waiting).values()) == {"success"}

    # A trigger that was lost: the decision is there, the run is not; one sweep finds it.
    lost = sorted(decided_on(stack))
    night_of = next(iter(decided_on(stack).values()))
    missing = night_of.model_copy(update={"as_of": night_of.as_of.replace(day=9)})
    stack.store().record(missing)
    [orphan] = set(decided_on(stack)) - set(lost)
    assert orphan not in stack.runs(api)
    sweep(stack, api, "sweep-lost")
    assert stack.ended(api, "minimal.training", [orphan]) == {orphan: "success"}

    # The scheduler dies while a training runs, and while a night is under way.
    night("killed", 11)
    deadline = time.monotonic() + 60
    while "running" not in {run["state"] for run in stack.runs(api).values()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    night("killed-2", 12)
    scheduler = stack.record().components["scheduler"].process
    os.kill(scheduler.pid, signal.SIGKILL)
    assert came_back(stack, "scheduler", scheduler.pid)
    assert set(stack.ended(api, "minimal.monitoring", ["killed", "killed-2"], 180).values()) == {"success"}
    sweep(stack, api, "sweep-after-the-kill")
    assert set(stack.ended(api, "minimal.training", list(decided_on(stack)), 180).values()) == {"success"}

    # The books: as many trainings as decisions, none pending, each answered by the run of its own name.
    decisions = decided_on(stack)
    runs = stack.runs(api)
    trainings = Counter(run["conf"]["decision"] for run in runs.values())
    print(f"{len(decisions)} decisions, {sum(trainings.values())} trainings, {len(monitoring)} nights run")
    assert set(runs) == set(decisions)
    assert set(trainings.values()) == {1}
    assert stack.store().pending() == []
