"""A night in which workers are killed and every server goes away for a while decides what a quiet one does."""

import threading
import time

import pytest

from evergreen.cli.follow import start_run
from production.conftest import Outcome

MODEL, NIGHT = "flight_delays", "2013-05-20"
RUN_LIMIT_SECONDS = 2400
ENDED = ("success", "failed")
UNDER_WAY = ("running", "success", "up_for_retry")


class Disturbance:
    """Waits for a task to be under way, then does something to the stack."""

    def __init__(self, task_id, what, act):
        self.task_id, self.what, self.act = task_id, what, act
        self.done = False


@pytest.fixture(scope="module")
def undisturbed(embedded):
    """The same night on the embedded default, in one process."""
    embedded.evergreen("seed", MODEL, "--through", NIGHT)
    for kind in ("training", "scoring", "monitoring"):
        embedded.evergreen("run", kind, MODEL, "--as-of", NIGHT)
    return embedded


def disturbed_run(production, kind, disturbances):
    """Run a DAG for the night, disturb it, and return its tasks when it has ended."""
    api, dag_id = production.airflow, f"{MODEL}.{kind}"
    run_id = start_run(api, dag_id, f"disturbed-{NIGHT}", {"as_of": NIGHT})
    began, acting = time.monotonic(), []
    while (state := api.run_state(dag_id, run_id)) not in ENDED:
        assert time.monotonic() < began + RUN_LIMIT_SECONDS, api.tasks(dag_id, run_id)
        seen = {task.task_id for task in api.tasks(dag_id, run_id) if task.state in UNDER_WAY}
        for one in disturbances:
            if not one.done and one.task_id in seen:
                one.done = True
                print(f"  {time.monotonic() - began:5.0f} s  {one.what}, while {one.task_id} ran", flush=True)
                acting.append(threading.Thread(target=one.act))
                acting[-1].start()
        time.sleep(0.5)
    for thread in acting:
        thread.join()
    tasks = api.tasks(dag_id, run_id)
    again = {task.name: task.try_number for task in tasks if task.try_number > 1}
    print(f"  {dag_id}: {state} after {time.monotonic() - began:.0f} s; tried again: {again or 'nothing'}", flush=True)
    assert state == "success", tasks
    assert all(one.done for one in disturbances), [one.what for one in disturbances if not one.done]
    return tasks


@pytest.mark.timeout(5 * RUN_LIMIT_SECONDS)
def test_a_disturbed_night_decides_what_a_quiet_one_does(told, undisturbed, production, production_settings):
    production.evergreen("seed", MODEL, "--through", NIGHT)

    def away(name, seconds):
        return lambda: production.restart(name, seconds)

    trained = disturbed_run(
        production,
        "training",
        [
            Disturbance("build_features", "S3 away for 5 s", away("s3", 5)),
            Disturbance("train", "the worker of trainings killed", lambda: production.kill("worker-train")),
            Disturbance("evaluate", "MLflow away for 10 s", away("mlflow", 10)),
        ],
    )
    assert [task for task in trained if task.task_id == "train" and task.try_number > 1], "a killed training is tried again"
    disturbed_run(
        production,
        "scoring",
        [
            Disturbance("ingest", "PostgreSQL away for 5 s", away("postgres", 5)),
            Disturbance("score", "Redis away for 5 s", away("redis", 5)),
        ],
    )
    disturbed_run(
        production,
        "monitoring",
        [
            Disturbance("collect", "the light worker killed", lambda: production.kill("worker-light")),
            Disturbance("decide", "PostgreSQL away for 5 s", away("postgres", 5)),
        ],
    )
    print(f"  started again by the supervisor: {dict(production.restarts)}")
    there, here = Outcome.of(production_settings), Outcome.of(undisturbed.settings)
    for name, rows in here.decided.items():
        assert there.decided[name] == rows, name
    assert there.computed == here.computed
