"""Run the training DAG again and again, each time in a child that dies by SIGKILL inside one task. Not a test: for one.

What takes seconds to import is imported once, before the children are forked; so the time inside a task is work, too.
"""

import importlib
import os
import signal
import sys
import threading
from pathlib import Path

HEAVY = (
    *("great_expectations", "mlflow", "optuna", "xgboost", "onnxruntime", "deltalake", "matplotlib"),
    *("airflow.dag_processing.dagbag", "airflow.sdk.execution_time.supervisor", "airflow.sdk.execution_time.task_runner"),
    "airflow.api_fastapi.execution_api.routes",
)


def main(home: str, as_of: str, *moments: str) -> None:
    """Print a line for every moment, `task=seconds`: its child's exit code, or less the number of the signal that ended it."""
    from evergreen.connect.in_process import prepare_environment
    from evergreen.settings import Settings

    prepare_environment(Settings(home=Path(home)), quiet=True)
    for name in HEAVY:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork takes no threads along"
    for moment in moments:
        task_id, seconds = moment.split("=")
        child = os.fork()
        if child == 0:
            run(as_of, task_id, float(seconds))
        _, status = os.waitpid(child, 0)
        print(moment, os.waitstatus_to_exitcode(status), flush=True)


def run(as_of: str, task_id: str, after_seconds: float) -> None:
    """Run the DAG and do not return."""
    from evergreen.connect.in_process import TaskEvent, run_dag

    def kill_inside(event: TaskEvent) -> None:
        if event.task_id == task_id and event.what == "running":
            threading.Timer(after_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    code = 1
    try:
        outcome = run_dag("flight_delays.training", {"as_of": as_of, "trials": 1}, on_event=kill_inside)
        for error in outcome.errors:
            print(error, file=sys.stderr)
        code = 0 if outcome.succeeded else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
