"""With a real scheduler: a release waits for a person, who says yes or no, or for the time to run out."""

import json
import time

import pytest

from e2e.test_stack import Stack
from evergreen.connect.alerts.channels import LOG_NAME
from evergreen.settings import PROJECT_ROOT
from gate_measurements import measurement
from unit.connect.test_approval_request import a_verdict

pytestmark = pytest.mark.slow

DAGS = """
import json
from pathlib import Path

from airflow.sdk import DAG, Param, task

from evergreen.connect.approval import approval_task
from evergreen.definitions import load_definition
from evergreen.settings import Settings

SETTINGS = Settings()
PARAMS = {"as_of": None, "force": False, "reason": None}

for name in ("patient", "hasty"):
    definition = load_definition(SETTINGS.definitions_dir / name)
    with DAG(f"{name}.training", catchup=False, max_active_runs=3, params=PARAMS) as dag:

        @task
        def gate() -> dict:
            return json.loads(Path(SETTINGS.home, "verdict.json").read_text())

        @task
        def smoke_test(judged: dict) -> dict:
            return json.loads(Path(SETTINGS.home, "tested.json").read_text())

        @task
        def release(tested: dict, answer: dict) -> str:
            from evergreen.connect.approval import released_by
            from evergreen.connect.run import current_run

            return released_by(current_run(), answer)

        tested = smoke_test(gate())
        question = approval_task(definition)
        tested >> question
        release(tested, question.output)
    globals()[dag.dag_id] = dag
"""


class Asking(Stack):
    """Two models whose releases are approved: one waits for a day, the other for a moment."""

    def __init__(self, home):
        super().__init__(home)
        (home / "dags" / "asking.py").write_text(DAGS)
        minimal = PROJECT_ROOT / "docs" / "guides" / "minimal"
        for name, approval in {"patient": "{}", "hasty": "{response_timeout: 2s, default: approve}"}.items():
            folder = home / "models" / name
            folder.mkdir(parents=True)
            text = (minimal / "model.yaml").read_text().replace("name: minimal", f"name: {name}")
            (folder / "model.yaml").write_text(f"{text}\nrelease: {{approval: {approval}}}\n")
            (folder / "features.py").write_text((minimal / "features.py").read_text())
        found = measurement()
        (home / "measurement.json").write_bytes(found.to_bytes())
        verdict = a_verdict(measurement_uri=str(home / "measurement.json"), reasons=("better than {{ 7 * 7 }}",))
        (home / "verdict.json").write_text(json.dumps(verdict.to_xcom()))
        registered = {
            **dict.fromkeys(("model", "bundle_uri", "mlflow_run_id"), "x"),
            "version": "4",
            "bundle_digest": "b" * 32,
            "decision_id": "d" * 32,
        }
        figures = ("max_difference", "pyfunc_max_difference", "load_seconds", "peak_memory_mb")
        latencies = ("single_row_p50_ms", "single_row_p99_ms")
        tested = {"registered": registered, "rows": 10, **dict.fromkeys((*figures, *latencies), 0.0)}
        (home / "tested.json").write_text(json.dumps(tested))
        self.environment |= {
            "EVERGREEN_DEFINITIONS_DIR": str(home / "models"),
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
        }

    def api(self):
        from evergreen.cli.airflow_api import AirflowApi

        password = json.loads(self.layout.secrets_path.read_text())["admin_password"]
        return AirflowApi(self.layout.airflow_url, "admin", password)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Asking(tmp_path_factory.mktemp("approval") / "home")
    code, output = stack.up()
    assert code == 0, output
    yield stack
    stack.run("down")


def start(api, dag_id, run_id):
    api.wait_for_dag(dag_id, 120)
    api.unpause(dag_id)
    api.trigger(dag_id, run_id, {})


def wait_for(look, limit_seconds=120.0):
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    pytest.fail("it did not come to pass in time")


def states(api, dag_id, run_id):
    return {task.task_id: task.state for task in api.tasks(dag_id, run_id)}


def question(api, dag_id, run_id):
    return wait_for(
        lambda: (
            states(api, dag_id, run_id).get("approve") == "awaiting_input"
            and api._json("GET", f"/dags/{dag_id}/dagRuns/{run_id}/hitlDetails")["hitl_details"]
        )
    )[0]


def answer(api, dag_id, run_id, option):
    # A scheduler that hears of the answer before it has heard that the task waits calls the task failed (Airflow 3.3).
    time.sleep(4)
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    api._json("PATCH", path, {"chosen_options": [option], "params_input": {"note": "seen"}})
    return wait_for(lambda: api.run_state(dag_id, run_id) if api.run_state(dag_id, run_id) in ("success", "failed") else None)


@pytest.mark.timeout(600)
def test_a_yes_releases_and_says_who(stack):
    api = stack.api()
    start(api, "patient.training", "yes")
    asked = question(api, "patient.training", "yes")
    assert asked["subject"] == "Release version 4 of x in place of version 3?"
    assert "| ROC AUC | 0.7420 | 0.7060 | 0.6000 |" in asked["body"]
    assert r"better than \{\{ 7 \* 7 \}\}" in asked["body"]  # shown as it is, by Markdown and by no template
    assert asked["options"] == ["Approve", "Reject"]
    assert states(api, "patient.training", "yes").get("release") is None
    assert answer(api, "patient.training", "yes", "Approve") == "success"
    released = api.returned("patient.training", "yes", "release", -1)
    assert released.startswith("approved by admin; admin, run yes")
    told = [json.loads(line) for line in (stack.home / LOG_NAME).read_text().splitlines()]
    assert [(line["model"], line["incident"], line["level"]) for line in told] == [
        ("patient", "approval", "warning"),
        ("patient", "approval", "recovered"),
    ]
    assert "Release version 4 of x in place of version 3?" in told[0]["subject"]


def test_a_no_leaves_the_champion_and_is_no_failure(stack):
    api = stack.api()
    start(api, "patient.training", "no")
    question(api, "patient.training", "no")
    assert answer(api, "patient.training", "no", "Reject") == "success"
    assert states(api, "patient.training", "no")["release"] == "skipped"


def test_without_an_answer_the_default_counts_and_the_record_says_so(stack):
    api = stack.api()
    start(api, "hasty.training", "late")
    wait_for(lambda: api.run_state("hasty.training", "late") == "success")
    assert api.returned("hasty.training", "late", "release", -1).startswith("nobody answered in time; ")
