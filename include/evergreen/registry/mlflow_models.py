"""Model versions in MLflow that plain `mlflow.pyfunc.load_model` loads without Evergreen and without pickle."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.registry.aliases import CHALLENGER, DECISION_TAG, DIGEST_TAG
from evergreen.registry.experiments import open_experiment
from evergreen.registry.mlflow_client import is_server, mlflow_answering, open_client
from evergreen.registry.pyfunc_model import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient

    from evergreen.settings import Settings

_NEEDS = ("mlflow", "numpy", "pandas", "onnxruntime")


@dataclass(frozen=True)
class VersionToRegister:
    """A judged bundle on its way into MLflow."""

    model: str
    bundle_digest: str
    decision_id: str
    mlflow_run_id: str
    """Run that trained it; empty when there is none."""
    files: Mapping[str, bytes]
    """The bundle's checked files by name, `manifest.json` among them."""
    numeric: tuple[str, ...]
    categorical: Mapping[str, str]
    """Categorical features, each with one value it knows, for the input example."""
    tags: Mapping[str, str]
    """More to know about it, shown in MLflow."""


class MlflowModels:
    """Model versions of one MLflow registry."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def find(self, model: str, bundle_digest: str, decision_id: str) -> str | None:
        """Return the first version with these bytes and this decision, None when there is none.

        Raises:
            StoreUnavailableError: MLflow did not answer.
        """
        client = open_client(self._settings)
        query = f"name='{model}' and tags.`{DIGEST_TAG}`='{bundle_digest}' and tags.`{DECISION_TAG}`='{decision_id}'"
        with mlflow_answering(self._settings):
            found = client.search_model_versions(query)
        numbers = sorted(int(each.version) for each in found if each.status == "READY")
        return str(numbers[0]) if numbers else None

    def register(self, version: VersionToRegister) -> str:
        """Return the number of the model's version with these bytes and this decision; made if it is not there.

        Two processes may both find none and both make one: the lower number stays, whoever made the other deletes it.

        Raises:
            StoreUnavailableError: MLflow did not answer.
        """
        found = self.find(version.model, version.bundle_digest, version.decision_id)
        if found is None:
            made = self._create(version)
            found = self.find(version.model, version.bundle_digest, version.decision_id) or made
            if found != made:
                with mlflow_answering(self._settings):
                    open_client(self._settings).delete_model_version(version.model, made)
        with mlflow_answering(self._settings):
            open_client(self._settings).set_registered_model_alias(version.model, CHALLENGER, found)
        return found

    def _create(self, version: VersionToRegister) -> str:
        client = open_client(self._settings)
        with tempfile.TemporaryDirectory() as folder, mlflow_answering(self._settings):
            target = Path(folder) / "model"
            save_plain_model(version, target)
            run_id = version.mlflow_run_id or None
            experiment_id = (
                client.get_run(run_id).info.experiment_id if run_id else open_experiment(client, self._settings, version.model)
            )
            tags = {DIGEST_TAG: version.bundle_digest, DECISION_TAG: version.decision_id, **version.tags}
            logged = client.create_logged_model(experiment_id, name=version.model, source_run_id=run_id, tags=tags)
            client.log_model_artifacts(logged.model_id, str(target))
            client.finalize_logged_model(logged.model_id, "READY")
            _create_registered_model(client, version.model)
            # A server finds the logged model in its own books; without one MLflow would look where its global setting points.
            known = is_server(self._settings)
            made = client.create_model_version(
                version.model,
                f"models:/{logged.model_id}" if known else logged.artifact_location,
                run_id=run_id,
                tags=tags,
                model_id=logged.model_id if known else None,
            )
        return str(made.version)


def save_plain_model(version: VersionToRegister, target: Path) -> None:
    """Write the MLflow model: the script, the bundle's files, the signature, an input example and the locked requirements.

    The requirements are given: to find them out, MLflow would load the model in another process for seconds, and guess.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    # Features are whole numbers on one day and floats on the next, as missing values come and go; a stricter type would
    # refuse the one or the other. The script converts as training did.
    inputs = [ColSpec(AnyType(), name) for name in (*version.numeric, *version.categorical)]
    outputs = [ColSpec("double", "probability"), ColSpec("boolean", "decision")]
    example: dict[str, list[Any]] = {name: [0.0] for name in version.numeric}
    example |= {name: [value] for name, value in version.categorical.items()}
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        bundle.mkdir()
        for name, data in version.files.items():
            (bundle / name).write_bytes(data)
        mlflow.pyfunc.save_model(
            str(target),
            python_model=str(SCRIPT),
            artifacts={"bundle": str(bundle)},
            pip_requirements=[f"{package}=={installed_version(package)}" for package in _NEEDS],
            signature=ModelSignature(Schema(inputs), Schema(outputs)),
            input_example=pd.DataFrame(example),
            metadata={"bundle_digest": version.bundle_digest, "decision_id": version.decision_id},
        )


def _create_registered_model(client: MlflowClient, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
