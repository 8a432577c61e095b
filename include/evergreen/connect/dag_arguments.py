"""What every DAG of one model has in common, and which definitions a file has to unfold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronDataIntervalTimetable, get_parsing_context
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from evergreen.connect.alerts.occasions import RunFailed, RunSucceeded, deadline_missed
from evergreen.connect.retries import RETRY_POLICY
from evergreen.definitions import read_definitions
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Param

    from evergreen.definitions import ModelDefinition


def definitions_to_unfold() -> Iterator[ModelDefinition]:
    """Yield the definitions a DAG file turns into DAGs.

    A task parses its file again to find its own DAG; then only that one definition is read, so that a task costs the same
    with one model as with a thousand. A broken definition is left out here and told by `dags/broken_definitions.py`,
    so that it cannot hide the others.
    """
    folder = Settings().definitions_dir
    asked = get_parsing_context().dag_id
    names = [asked.partition(".")[0]] if asked else []
    yield from read_definitions(folder, names).sound.values()


def dag_arguments(
    definition: ModelDefinition, kind: str, *, title: str, params: dict[str, Param], doc: str | None
) -> dict[str, Any]:
    """Return the arguments of `DAG(...)` for one kind of DAG of one model."""
    schedule = definition.schedule
    last_day = definition.data.last_day
    return {
        "dag_id": f"{definition.name}.{kind}",
        "dag_display_name": f"{definition.name} · {kind}",
        "description": title,
        "doc_md": _page(definition, doc),
        "start_date": schedule.moment(definition.data.first_day),
        # A data set that has ended gets no nights after its last day has come in.
        "end_date": schedule.moment(last_day + timedelta(days=1)) if last_day else None,
        "catchup": False,
        "max_active_runs": 1,
        "on_failure_callback": RunFailed(),
        "on_success_callback": RunSucceeded(),
        "params": params,
        "tags": ["evergreen", definition.name, kind, *definition.tags],
        "default_args": {
            "owner": definition.owner,
            "retries": schedule.retries,
            "retry_policy": RETRY_POLICY,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": timedelta(minutes=schedule.timeout_minutes),
        },
    }


def timetable(definition: ModelDefinition, frequency: str) -> CronDataIntervalTimetable | None:
    """Return the cron data interval of `nightly` or `weekly` (Monday's night); none for `manual`."""
    hour, minute = definition.schedule.at.split(":")
    weekday = {"nightly": "*", "weekly": "1"}.get(frequency)
    if weekday is None:
        return None
    return CronDataIntervalTimetable(f"{int(minute)} {int(hour)} * * {weekday}", timezone=definition.schedule.timezone)


def run_limit(definition: ModelDefinition) -> DeadlineAlert:
    """Return the deadline of a night's run: told when it is not over `max_run_minutes` after it was queued.

    The scheduler looks at deadlines itself, so that a run that hangs, or waits behind one that hangs, speaks all the same.
    """
    minutes = definition.monitoring.operations.max_run_minutes
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=minutes),
        callback=SyncCallback(deadline_missed, kwargs={"limit_minutes": minutes}),
        name=f"{minutes:g} minutes",
    )


def candidate_names(definition: ModelDefinition) -> list[str]:
    """Return every candidate a run of this definition may train; the baseline comes first and always."""
    return ["baseline", *(name for name in definition.training.candidates if name != "baseline")]


def _page(definition: ModelDefinition, doc: str | None) -> str:
    readme = definition.folder / "README.md"
    scope = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    return "\n\n".join(part for part in (f"**{definition.title}**", doc, scope) if part)
