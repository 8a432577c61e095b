"""With a real scheduler, triggerer and gateway under requests: a good challenger passes its trial, a bad one is taken back."""

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
import requests

from e2e.test_approval import start, states, wait_for
from e2e.test_stack import Stack, came_back
from evergreen.connect.alerts.channels import LOG_NAME
from evergreen.definitions import load_definition
from evergreen.predictors.calibration import SigmoidCalibration
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.stages.register import register
from released_models import MODEL, a_bundle, judge
from served_model import FREE, ServedModel, a_row

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SOMETIMES = FREE.replace('"RAISE"', '"DL"')
"""Features that raise for one carrier in four."""
CONSTANT = SigmoidCalibration(slope=0.0, intercept=-1.0)
DAG_ID = f"{MODEL}.training"
STEPS = ("canary_20_percent", "canary_50_percent", "canary_100_percent")
RELEASE = {
    "rollout": "canary",
    "trial": {
        "steps": [{"share": share, "hold": "2s", "min_requests": 80} for share in (0.2, 0.5, 1.0)],
        "look_every": "1s",
        "give_up_after": "10m",
        # A test machine is busy: how fast an answer comes is not what is asked here.
        "limits": {"time_limit_ms": 5000, "max_slowdown": 1000, "max_failure_share": 0.02},
    },
}
DAGS = """
import json
from pathlib import Path

from airflow.sdk import DAG, chain, task

from evergreen.connect.rollout import rollout_tasks
from evergreen.connect.tasks import clean_up, release
from evergreen.definitions import load_definition
from evergreen.settings import Settings

SETTINGS = Settings()
PARAMS = {"as_of": None, "force": False, "reason": None}
definition = load_definition(SETTINGS.definitions_dir / "flights")


def kept(what, reason):
    return json.loads(Path(SETTINGS.home, f"{reason}.{what}.json").read_text())


with DAG("flights.training", catchup=False, max_active_runs=1, params=PARAMS) as dag:

    @task
    def gate(params=None) -> dict:
        return kept("verdict", params["reason"])

    @task
    def smoke_test(judged: dict, params=None) -> dict:
        return kept("tested", params["reason"])

    verdict = gate()
    tested = smoke_test(verdict)
    released = release(tested, verdict)
    chain(tested, *rollout_tasks(definition), released)
    released >> clean_up().as_teardown()
"""


class Trying(Stack):
    """One served model, whose challengers are judged and registered by the test, and tried out by its DAGs."""

    def __init__(self, home, release=RELEASE, dags=DAGS):
        super().__init__(home)
        self.served = ServedModel(home, release=release)
        self.settings = self.served.settings
        (home / "dags" / "trying.py").write_text(dags)
        self.number = 0
        self.environment |= {
            "EVERGREEN_DEFINITIONS_DIR": str(self.settings.definitions_dir),
            # One worker: what waits in it would keep everything else waiting too.
            "AIRFLOW__CORE__PARALLELISM": "1",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
        }

    def version(self, **how):
        """Train, decide in favour, register in MLflow, publish what it needs; return the version and its verdict."""
        self.number += 1
        candidate = a_bundle(self.settings, "logistic_regression", seed=self.number, layout=self.served.layout, **how)
        registry = ReleaseRegistry(self.settings)
        champion = registry.champion(MODEL)
        judged = judge(self.settings, candidate, against=champion.version if champion else None)
        definition = load_definition(self.settings.definitions_dir / MODEL)
        registered = register(definition, judged.verdict, self.settings)
        self.served.publish(registry.version(MODEL, registered.version))
        return registered, judged.verdict

    def challenger(self, name, **how):
        """Leave a challenger for the DAG's run of this name; return its version."""
        registered, verdict = self.version(**how)
        figures = ("max_difference", "pyfunc_max_difference", "load_seconds", "peak_memory_mb")
        latencies = ("single_row_p50_ms", "single_row_p99_ms")
        tested = {"registered": registered.to_xcom(), "rows": 10, **dict.fromkeys((*figures, *latencies), 0.0)}
        verdict = verdict.model_copy(update={"report_uri": f"{self.settings.reports_uri}/{MODEL}/gate/{name}.html"})
        (self.home / f"{name}.verdict.json").write_text(json.dumps(verdict.to_xcom()))
        (self.home / f"{name}.tested.json").write_text(json.dumps(tested))
        return registered.version

    def api(self):
        from evergreen.cli.airflow_api import AirflowApi

        password = json.loads(self.layout.secrets_path.read_text())["admin_password"]
        return AirflowApi(self.layout.airflow_url, "admin", password)

    def champion(self):
        return ReleaseRegistry(self.settings).champion(MODEL).version

    def events(self, version):
        """What happened in the rollout of a version, oldest first."""
        events = reversed(RolloutStore(self.settings.database_url).history(MODEL))
        return [event for event in events if event.version == version]

    def told(self):
        path = self.home / LOG_NAME
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
        return [(line["level"], line["subject"]) for line in lines if line["incident"] == "rollout"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Trying(tmp_path_factory.mktemp("rollout") / "home")
    registered, verdict = stack.version(source=FREE)
    ReleaseRegistry(stack.settings).promote(MODEL, registered.version, verdict.decision_id, None, actor="test")
    code, output = stack.up()
    assert code == 0, output
    yield stack
    stack.run("down")


class Callers:
    """Callers who ask one request after the other; what they were told."""

    def __init__(self, url):
        self.url = f"{url}/models/{MODEL}/predict"
        self.answers = Counter()
        self.problems = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)

    def _ask(self):
        number = 0
        with requests.Session() as session:
            while not self._stop.is_set():
                number += 1
                try:
                    answer = session.post(self.url, json=a_row(number), timeout=30)
                    probability = answer.json()["predictions"][0]["probability"]
                    assert 0 <= probability <= 1
                    self.answers[answer.json()["release_version"]] += 1
                except Exception as error:
                    self.problems.append(repr(error))
                time.sleep(0.01)


@contextlib.contextmanager
def running(stack, name, **params):
    """Start the run of this name and let callers ask while the block runs."""
    api = stack.api()
    with Callers(stack.layout.gateway_url) as callers:
        wait_for(lambda: callers.answers[stack.champion()], 60)
        api.wait_for_dag(DAG_ID, 120)
        api.unpause(DAG_ID)
        api.trigger(DAG_ID, name, {"reason": name, **params})
        yield api, callers
    assert callers.problems == []


def end_of(api, name, limit_seconds=180.0):
    return wait_for(
        lambda: api.run_state(DAG_ID, name) if api.run_state(DAG_ID, name) in ("success", "failed") else None, limit_seconds
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "how"), [("raises", {"source": SOMETIMES}), ("constant", {"source": FREE, "calibration": CONSTANT})]
)
def test_a_bad_challenger_is_taken_back_and_the_champion_stays(stack, name, how):
    champion = stack.champion()
    version = stack.challenger(name, **how)
    with running(stack, name) as (api, callers):
        assert end_of(api, name) == "success"
        found = states(api, DAG_ID, name)
        assert found["release"] == "skipped"
        assert found["clean_up"] == "success"
        *_, last = stack.events(version)
        assert (last.action, last.share) == ("rolled_back", 0.0)
        ended_in = STEPS[last.step - 1]
        assert found[ended_in] == "success"
        assert {found[step] for step in STEPS[last.step :]} <= {"skipped"}
        look = api.returned(DAG_ID, name, ended_in, -1)
        assert (look["outcome"], look["version"]) == ("roll_back", version)
        assert look["reasons"] == list(last.reasons)
        assert "/rollout/" in look["report_uri"]
        # From now on the champion answers alone.
        wait_for(lambda: _card(stack)["rollout"] is None, 30)
        callers.answers.clear()
        wait_for(lambda: callers.answers[champion] > 20, 30)
        assert set(callers.answers) == {champion}
    assert stack.champion() == champion
    assert stack.told()[-1][0] == "warning"
    assert f"version {version} was taken back" in stack.told()[-1][1]
    page = api._json("GET", f"/dags/{DAG_ID}/dagRuns/{name}/taskInstances/{ended_in}/links")["extra_links"]
    assert page["Report"].startswith(f"/evergreen/reports/{MODEL}/rollout/")
    assert page["Gate"] == f"/evergreen/reports/{MODEL}/gate/{name}.html"


@pytest.mark.timeout(900)
def test_a_good_challenger_becomes_champion_step_by_step_and_no_worker_waits(stack):
    before = stack.champion()
    version = stack.challenger("good", source=FREE)
    store = RolloutStore(stack.settings.database_url)
    with running(stack, "good") as (api, callers):
        wait_for(lambda: states(api, DAG_ID, "good").get(STEPS[0]) == "deferred")
        store.pause(MODEL, reason="the test looks around", actor="test")
        # The only worker is free: another DAG runs while the step waits.
        start(api, "toy", "meanwhile")
        wait_for(lambda: api.run_state("toy", "meanwhile") == "success")
        # What watches may die: another triggerer goes on.
        triggerer = stack.record().components["triggerer"].process
        os.kill(triggerer.pid, signal.SIGKILL)
        assert came_back(stack, "triggerer", triggerer.pid)
        assert states(api, DAG_ID, "good")[STEPS[0]] == "deferred"
        assert stack.champion() == before
        store.resume(MODEL, reason="seen enough", actor="test")
        assert end_of(api, "good") == "success"
        wait_for(lambda: _card(stack)["release_version"] == version, 30)
    assert stack.champion() == version
    assert callers.answers[version] > 100
    assert callers.answers[before] > 50
    found = stack.events(version)
    assert [(event.action, event.step) for event in found if event.action not in ("pause", "resume")] == [
        ("step", 1),
        ("step", 2),
        ("step", 3),
        ("promoted", 3),
    ]
    newest = ReleaseRegistry(stack.settings).timeline(MODEL, limit=1)[0]
    assert (newest.version, newest.rollout) == (version, "canary")
    for step in STEPS:
        assert api.returned(DAG_ID, "good", step, -1)["outcome"] == "pass"
    # Whoever was told of one that was taken back hears that a later one did well.
    assert not stack.told() or stack.told()[-1][0] == "recovered"


@pytest.mark.timeout(900)
def test_a_run_that_is_marked_as_failed_takes_its_challenger_along(stack):
    champion = stack.champion()
    version = stack.challenger("stopped", source=FREE)
    with running(stack, "stopped") as (api, _):
        wait_for(lambda: states(api, DAG_ID, "stopped").get(STEPS[0]) == "deferred")
        RolloutStore(stack.settings.database_url).pause(MODEL, reason="the test takes its time", actor="test")
        api._json("PATCH", f"/dags/{DAG_ID}/dagRuns/stopped", {"state": "failed"})
        wait_for(lambda: states(api, DAG_ID, "stopped")["clean_up"] == "success")
        found = states(api, DAG_ID, "stopped")
        assert (found[STEPS[0]], found["release"]) == ("failed", "skipped")
        *_, last = wait_for(lambda: [e for e in stack.events(version) if e.action == "rolled_back"], 60)
        assert last.reasons == ("the training run ended before the trial did",)
        assert last.happened_at < datetime.now(UTC)
    assert stack.champion() == champion


def _card(stack):
    return requests.get(f"{stack.layout.gateway_url}/models/{MODEL}", timeout=30).json()
