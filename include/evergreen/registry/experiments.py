"""The MLflow experiment of a model: named like it, with its artifacts where the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.files import is_s3, join_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from evergreen.settings import Settings


def open_experiment(client: MlflowClient, settings: Settings, model: str) -> str:
    """Return the id of the model's experiment; made if it is not there, brought back if somebody deleted it.

    Candidates train side by side: when another one makes it first, its experiment is taken.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(model)
    if found is None:
        try:
            return str(client.create_experiment(model, artifact_location=_artifact_location(settings, model)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(model)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _artifact_location(settings: Settings, model: str) -> str | None:
    """Return where artifacts go: a server knows; without one they would land in the current folder."""
    if settings.mlflow_tracking_uri.startswith(("http://", "https://")):
        return None
    root = join_uri(settings.artifacts_uri, "mlflow", model)
    return root if is_s3(root) else Path(root.removeprefix("file://")).absolute().as_uri()
