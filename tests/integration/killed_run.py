"""Run the training DAG and die by SIGKILL inside one task, `after_seconds` into it. Not a test: a process for one."""

import importlib
import os
import signal
import sys
import threading
from pathlib import Path

HEAVY = ("great_expectations", "mlflow", "optuna", "xgboost", "onnxruntime", "deltalake", "matplotlib")


def main(home: str, as_of: str, task_id: str, after_seconds: float) -> None:
    from evergreen.connect.in_process import TaskEvent, prepare_environment, run_dag
    from evergreen.settings import Settings

    prepare_environment(Settings(home=Path(home)), quiet=True)
    for name in HEAVY:  # so that the time inside the task is work, not imports
        importlib.import_module(name)

    def kill_inside(event: TaskEvent) -> None:
        if event.task_id == task_id and event.what == "running":
            threading.Timer(after_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    outcome = run_dag("flight_delays.training", {"as_of": as_of, "trials": 1}, on_event=kill_inside)
    print(outcome.state)
    for error in outcome.errors:
        print(error, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
