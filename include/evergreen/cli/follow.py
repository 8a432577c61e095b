"""Start a DAG run through the API and follow it, task by task, to its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from evergreen.cli.progress import TaskProgress
from evergreen.errors import RunFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from evergreen.cli.airflow_api import AirflowApi, TaskState

_POLL_SECONDS = 0.7
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_UNDER_WAY = {"running", "deferred", "awaiting_input"}
"""A step of a rollout, and a question to a person, wait without a worker."""
_MAX_RUNS = 1000


def start_run(api: AirflowApi, dag_id: str, name: str, conf: Mapping[str, Any]) -> str:
    """Start a run named `name`, or `name-2` and so on when it was run before; return its id.

    A run of that name that still goes on is not started twice but joined.
    """
    api.wait_for_dag(dag_id)
    api.unpause(dag_id)
    for number in range(1, _MAX_RUNS):
        run_id = name if number == 1 else f"{name}-{number}"
        if api.trigger(dag_id, run_id, conf) or api.run_state(dag_id, run_id) in ("queued", "running"):
            return run_id
    raise RunFailedError(
        f"{dag_id} has too many runs of one name",
        found=f"{_MAX_RUNS} runs named {name}",
        allowed=f"fewer than {_MAX_RUNS}",
        remedy="delete old runs in Airflow",
    )


def follow_run(api: AirflowApi, dag_id: str, run_id: str, console: Console, *, compact: bool = False) -> dict[str, Any]:
    """Show a run's tasks until it ends; return what each task returned, a list for a mapped task.

    Args:
        api: Where it runs.
        dag_id: Its DAG.
        run_id: Its id.
        console: Where to show it.
        compact: Show what runs, and one line at the end, in place of a line per task.

    Raises:
        RunFailedError: It failed; says the first error of its tasks' logs.
    """
    shown: set[tuple[str, int, int]] = set()
    began = time.monotonic()
    with TaskProgress(console) as progress:
        while True:
            state = api.run_state(dag_id, run_id)
            tasks = api.tasks(dag_id, run_id)
            _show(tasks, shown, progress, quiet=compact)
            if state in ("success", "failed"):
                break
            time.sleep(_POLL_SECONDS)
    if state == "failed":
        raise _failure(api, dag_id, run_id, tasks)
    if compact:
        console.print(f"  ✓ {sum(task.state == 'success' for task in tasks)} tasks in {time.monotonic() - began:.0f} s")
    return _returned(api, dag_id, run_id, tasks)


def _show(tasks: list[TaskState], shown: set[tuple[str, int, int]], progress: TaskProgress, *, quiet: bool) -> None:
    for task in [] if quiet else tasks:
        seen = (task.task_id, task.map_index, task.try_number)
        if task.state in _ENDED | {"up_for_retry"} and seen not in shown:
            shown.add(seen)
            progress.ended(task.name, str(task.state), task.seconds)
    progress.running([task.name for task in tasks if task.state in _UNDER_WAY])


def _returned(api: AirflowApi, dag_id: str, run_id: str, tasks: list[TaskState]) -> dict[str, Any]:
    returned: dict[str, Any] = {}
    for task in sorted(tasks, key=lambda task: (task.task_id, task.map_index)):
        if task.state != "success":
            continue
        value = api.returned(dag_id, run_id, task.task_id, task.map_index)
        if task.map_index < 0:
            returned[task.task_id] = value
        else:
            returned.setdefault(task.task_id, []).append(value)
    return returned


def _failure(api: AirflowApi, dag_id: str, run_id: str, tasks: list[TaskState]) -> RunFailedError:
    failed = [task for task in tasks if task.state == "failed"]
    errors = [error for task in failed[:1] for error in api.errors_in_log(dag_id, run_id, task)]
    names = ", ".join(task.name for task in failed) or "no task"
    return RunFailedError(
        f"the run {run_id} of {dag_id} failed in {names}",
        found=errors[0] if errors else "no error in the log of the task",
        allowed="every task successful",
        remedy="open the run in Airflow and read the log of the failed task",
    )
