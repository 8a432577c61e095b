"""Where the links of a task lead: to its page and to its MLflow run, read from what the task returned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.settings import Settings

REPORT_ROUTE = "/evergreen/reports/"
MODELS_ROUTE = "/evergreen/models/"


def returned_value(ti_key: Any) -> Mapping[str, Any]:
    """Return what a task instance returned, empty when it returned nothing readable. Runs in the API server."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(
            key="return_value",
            run_id=ti_key.run_id,
            dag_ids=ti_key.dag_id,
            task_ids=ti_key.task_id,
            map_indexes=ti_key.map_index,
        )
        row = session.scalars(query).first()
        value = XComModel.deserialize_value(row) if row is not None else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def report_link(returned: Mapping[str, Any], settings: Settings, field: str = "report_uri") -> str:
    """Return the path of a task's page, empty when it made none; `field` names another page it may have made."""
    uri = str(returned.get(field) or "")
    root = settings.reports_uri.rstrip("/") + "/"
    return REPORT_ROUTE + uri.removeprefix(root) if uri.startswith(root) else ""


def mlflow_link(returned: Mapping[str, Any], settings: Settings) -> str:
    """Return the address of a task's MLflow run, empty when it has none or MLflow has no pages here."""
    candidate = returned.get("challenger") or returned.get("registered") or returned
    run_id = candidate.get("mlflow_run_id")
    return f"{settings.mlflow_ui_url.rstrip('/')}/#/runs/{run_id}" if run_id and settings.mlflow_ui_url else ""
