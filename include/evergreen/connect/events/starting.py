"""Starting the runs that were asked for: one mapped task, one run per request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg
    from airflow.sdk.definitions.mappedoperator import MappedOperator


class StartRun(TriggerDagRunOperator):
    """Starts a run with what it is handed, word for word.

    Airflow would render run id and conf as templates. Both hold what a stranger wrote, and a template may read connections.
    """

    template_fields = ()


def start_runs(asked: XComArg) -> MappedOperator:
    """Add the task `start`, mapped over what `wake_up.run_arguments` makes; skipped where there is nothing to start.

    A run that exists already is left alone: its id is that of the request.
    """
    return StartRun.partial(
        task_id="start",
        logical_date=None,  # two runs may begin at the same moment
        skip_when_already_exists=True,
    ).expand_kwargs(asked)
