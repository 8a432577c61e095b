"""Links from a task to what it made, for Airflow's task page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from evergreen.connect.links import mlflow_link, report_link, returned_value
from evergreen.settings import Settings

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey


class ReportLink(BaseOperatorLink):
    """The page that a task wrote: validation, gate, the night's checks and decision."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's path."""
        return report_link(returned_value(ti_key), Settings())


class EvidentlyLink(BaseOperatorLink):
    """The report that Evidently drew for a check."""

    name = "Evidently"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's path."""
        return report_link(returned_value(ti_key), Settings(), "evidently_uri")


class GateLink(BaseOperatorLink):
    """The gate's page, from a task that tries out what the gate has decided; found by the task itself, while it runs."""

    name = "Gate"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page's path."""
        return report_link(ti_key.xcom_pull(task_ids="gate") or {}, Settings())


class MlflowRunLink(BaseOperatorLink):
    """The MLflow run that a task logged to or is about."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the run's address."""
        return mlflow_link(returned_value(ti_key), Settings())
