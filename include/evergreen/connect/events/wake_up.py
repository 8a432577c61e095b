"""What a wake-up knows of itself, and the runs it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.definitions import load_definition
from evergreen.errors import RunFailedError
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.requests import WorkRequest


def woken_model(context: Mapping[str, Any]) -> tuple[ModelDefinition, Settings]:
    """Return the model whose events DAG is running, and where things are."""
    settings = Settings()
    return load_definition(settings.definitions_dir / context["dag"].dag_id.partition(".")[0]), settings


def run_arguments(request: WorkRequest) -> dict[str, Any]:
    """Return the arguments of the operator that starts a request's run: the request's id is the run's."""
    return {
        "trigger_dag_id": request.dag_id,
        "trigger_run_id": request.id,
        "conf": {**request.params, "as_of": request.as_of.isoformat(), "reason": request.reason},
    }


def existing_runs(task_instance: Any, asked: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the ids of those runs that Airflow knows."""
    begun: list[str] = []
    for dag_id in sorted({each["trigger_dag_id"] for each in asked}):
        begun += _existing(
            task_instance, dag_id, [each["trigger_run_id"] for each in asked if each["trigger_dag_id"] == dag_id]
        )
    return begun


_IDS_AT_ONCE = 100
"""Run ids in one question: they travel in a URL."""


def _existing(task_instance: Any, dag_id: str, run_ids: Sequence[str]) -> list[str]:
    """Ask in bulk first; only where some are missing, halve the question until it is known which."""
    if len(run_ids) > _IDS_AT_ONCE:
        parts = [run_ids[start : start + _IDS_AT_ONCE] for start in range(0, len(run_ids), _IDS_AT_ONCE)]
        return [run_id for part in parts for run_id in _existing(task_instance, dag_id, part)]
    count = task_instance.get_dr_count(dag_id, run_ids=list(run_ids))
    if count == len(run_ids):
        return list(run_ids)
    if count == 0:
        return []
    middle = len(run_ids) // 2
    return [*_existing(task_instance, dag_id, run_ids[:middle]), *_existing(task_instance, dag_id, run_ids[middle:])]


def require_whole(taken: bool, compared: bool, asked: Sequence[Mapping[str, Any]] | None, begun: Collection[str]) -> None:
    """Fail when a part of a wake-up did.

    Raises:
        RunFailedError: Events were not read, days not compared, or runs not started.
    """
    missing = [each["trigger_run_id"] for each in asked or () if each["trigger_run_id"] not in begun]
    wrong = [
        *([] if taken else ["take: the events were not written down"]),
        *([] if compared else ["compare: the landing zone was not compared"]),
        *([] if asked is not None else ["pending: the requests could not be read"]),
        *([f"start: {len(missing)} runs did not begin, such as {missing[0]}"] if missing else []),
    ]
    if wrong:
        raise RunFailedError(
            "a part of this wake-up failed",
            found="; ".join(wrong),
            allowed="all parts; what did work is done and stays done",
            remedy="read the log of the failed task; the next event or sweep repeats what is left",
        )
