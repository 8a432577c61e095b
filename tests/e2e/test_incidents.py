"""With a real scheduler: a run that fails, one that is late and one that works again each speak once."""

import json
import time

import pytest

from e2e.test_stack import Stack
from evergreen.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

DAGS = """
import time
from datetime import timedelta

from airflow.sdk import DAG, task
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from evergreen.connect.alerts.occasions import RunFailed, RunSucceeded, deadline_missed

late = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(seconds=3),
    callback=SyncCallback(deadline_missed, kwargs={"limit_minutes": 0.05}),
)

with DAG(
    "minimal.scoring",
    catchup=False,
    params={"force": False},
    on_failure_callback=RunFailed(),
    on_success_callback=RunSucceeded(),
    deadline=late,
):

    @task
    def score(params=None) -> None:
        time.sleep(8)
        if params["force"]:
            raise ValueError("postgresql://somebody:hunter2@host/db")

    score()
"""


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path / "home")
    (stack.home / "dags" / "late.py").write_text(DAGS)
    stack.environment["EVERGREEN_DEFINITIONS_DIR"] = str(PROJECT_ROOT / "docs" / "guides")
    code, output = stack.up()
    assert code == 0, output
    yield stack
    stack.run("down")


@pytest.mark.timeout(400)
def test_a_run_that_fails_is_late_and_works_again_speaks_each_time_once(stack):
    from evergreen.cli.airflow_api import AirflowApi

    api = AirflowApi(stack.layout.airflow_url, "admin", json.loads(stack.layout.secrets_path.read_text())["admin_password"])
    api.wait_for_dag("minimal.scoring", 120)
    api.unpause("minimal.scoring")
    for name, fails in (("first", True), ("second", True)):
        api.trigger("minimal.scoring", name, {"force": fails})
        told(stack, lambda name=name: api.run_state("minimal.scoring", name) == "failed")
    expected = {("run:scoring", "critical"), ("deadline:scoring", "warning")}
    said = told(stack, lambda: {(line["incident"], line["level"]) for line in lines(stack)} >= expected)
    assert sorted((line["incident"], line["level"]) for line in said) == sorted(expected)
    assert all(line["link"].startswith(f"{stack.layout.airflow_url}/dags/minimal.scoring/runs/first") for line in said)
    assert "hunter2" not in json.dumps(said)

    api.trigger("minimal.scoring", "third", {"force": False})
    said = told(stack, lambda: len(lines(stack)) >= 4)
    assert sorted((line["incident"], line["level"]) for line in said[2:]) == [
        ("deadline:scoring", "recovered"),
        ("run:scoring", "recovered"),
    ]


def lines(stack):
    path = stack.home / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def told(stack, ready, limit_seconds=90):
    """Wait for something to be so, and a little longer for what must not come; return what was said."""
    deadline = time.monotonic() + limit_seconds
    while not ready():
        assert time.monotonic() < deadline, lines(stack)
        time.sleep(0.3)
    return lines(stack)
