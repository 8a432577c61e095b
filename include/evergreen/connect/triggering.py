"""Starting trainings: one mapped task, one training per decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg


class TriggerTraining(TriggerDagRunOperator):
    """Triggers a training with what it is handed, word for word.

    Airflow would render run id and conf as templates. A reason quotes names from the data, and a template may read connections.
    """

    template_fields = ()


def trigger_trainings(requests: XComArg) -> None:
    """Add the task `trigger`, mapped over what `trainings.training_request` makes; skipped where there is nothing to start.

    A run that exists already is left alone: the run's id is its decision's.
    """
    TriggerTraining.partial(
        task_id="trigger",
        logical_date=None,  # two trainings triggered at the same moment must not collide on it
        skip_when_already_exists=True,
    ).expand_kwargs(requests)
