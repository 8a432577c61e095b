"""Starting runs from inside a task: as many as were asked for, each under the id of its request.

A mapped `TriggerDagRunOperator` would do it with a task per run. A task costs about a second of a core before it does anything,
a run that is created costs milliseconds; so this sends the same message to the supervisor, once per run. It also hears
the answer, which the operator takes for a success unless it says that the run exists.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.errors import RunFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.registry.requests import WorkRequest

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """Which runs exist now."""

    begun: tuple[str, ...]
    """Ids of requests whose run was created just now."""
    known: tuple[str, ...]
    """Ids of requests whose run was there already, as after a crash before it was noted."""
    problems: tuple[str, ...]
    """What Airflow said of the others."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all requests that have a run."""
        return self.begun + self.known


def start_runs(requests: Sequence[WorkRequest]) -> Started:
    """Create the run of every request. Airflow's database refuses a second run of the same id."""
    begun, known, problems = [], [], []
    for request in requests:
        problem = _trigger(request)
        if problem is None:
            begun.append(request.id)
        elif problem == _EXISTS:
            known.append(request.id)
        else:
            problems.append(f"{request.dag_id} {request.key}: {problem}")
            _log.error("the run of %s, key %s, was not created: %s", request.dag_id, request.key, problem)
    return Started(tuple(begun), tuple(known), tuple(problems))


_EXISTS = "DAGRUN_ALREADY_EXISTS"


def _trigger(request: WorkRequest) -> str | None:
    """Ask the supervisor for one run; return what is wrong, None when nothing is. Nothing in it is rendered as a template."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

    message = TriggerDagRun(
        dag_id=request.dag_id,
        run_id=request.id,
        logical_date=None,  # two runs may begin at the same moment
        conf=run_conf(request),
        reset_dag_run=False,
        note=request.reason,
    )
    answer = task_runner.SUPERVISOR_COMMS.send(message)
    if not isinstance(answer, ErrorResponse):
        return None
    return _EXISTS if answer.error.name == _EXISTS else f"{answer.error.name} {answer.detail or ''}"


def run_conf(request: WorkRequest) -> dict[str, Any]:
    """Return the form of a request's run."""
    return {**request.params, "as_of": request.as_of.isoformat(), "reason": request.reason}


def require_whole(taken: bool, compared: bool, problems: Sequence[str]) -> None:
    """Fail when a part of a wake-up did.

    Raises:
        RunFailedError: Events were not read, days not compared, or runs not created.
    """
    wrong = [
        *([] if taken else ["take: the events were not written down"]),
        *([] if compared else ["compare: the landing zone was not compared"]),
        *problems[:5],
    ]
    if wrong:
        raise RunFailedError(
            "a part of this wake-up failed",
            found="; ".join(wrong),
            allowed="all parts; what did work is done and stays done",
            remedy="read the log of the failed task; the next event or sweep repeats what is left",
        )
