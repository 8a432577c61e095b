"""Trainings as MLflow runs: logged whole, found again, never doubled."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.registry.experiments import open_experiment
from evergreen.registry.mlflow_client import mlflow_answering, open_client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

    from evergreen.settings import Settings

KEY_TAG = "evergreen.candidate_key"
"""Digest of what was trained from what; one run has it."""
_PARAMS_PER_CALL = 100
_METRICS_PER_CALL = 1000
_LONGEST_VALUE = 500


@dataclass(frozen=True)
class LoggedDataset:
    """The rows a run learned from."""

    name: str
    digest: str
    """Our own, over every row: MLflow's looks at the first 10,000 only."""
    source_uri: str
    columns: Mapping[str, str]
    """MLflow type by feature name."""
    rows: int


@dataclass(frozen=True)
class TrainingRun:
    """Everything MLflow is told about one training."""

    model: str
    name: str
    key: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    dataset: LoggedDataset
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """Per metric (step, value), rising in step."""
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Bytes by path below the run's artifacts."""


def log_training(settings: Settings, run: TrainingRun) -> str:
    """Log a training and return its run id.

    A run with the same key is found again: a finished one is left alone, one that was cut short is completed. Everything
    carries the run's own start as its time, so what is logged twice is one entry.

    Raises:
        StoreUnavailableError: MLflow did not answer; trying again completes the run.
    """
    client = open_client(settings)
    with mlflow_answering(settings):
        experiment_id = open_experiment(client, settings, run.model)
        found = _find(client, experiment_id, run.key)
        if found is not None and found.info.status == "FINISHED":
            return str(found.info.run_id)
        if found is None:
            found = client.create_run(experiment_id, run_name=run.name, tags={**run.tags, KEY_TAG: run.key})
        run_id = str(found.info.run_id)
        _log_numbers(client, run_id, run, int(found.info.start_time))
        client.log_inputs(run_id, datasets=[_dataset_input(run.dataset)])
        _log_files(client, run_id, run.files)
        client.set_terminated(run_id, "FINISHED")  # last: a run that is not finished is not whole
    return run_id


def _find(client: MlflowClient, experiment_id: str, key: str) -> Run | None:
    """Return the run with a key, a finished one first."""
    found = client.search_runs([experiment_id], filter_string=f"tags.`{KEY_TAG}` = '{key}'", max_results=10)
    return min(found, key=lambda run: run.info.status != "FINISHED", default=None)


def _log_numbers(client: MlflowClient, run_id: str, run: TrainingRun, timestamp_ms: int) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(name, str(value)[:_LONGEST_VALUE]) for name, value in run.params.items()]
    metrics: list[Metric] = [Metric(name, value, timestamp_ms, 0) for name, value in run.metrics.items()]
    metrics += [Metric(name, value, timestamp_ms, step) for name, points in run.curves.items() for step, value in points]
    for start in range(0, len(params), _PARAMS_PER_CALL):
        client.log_batch(run_id, params=params[start : start + _PARAMS_PER_CALL])
    for start in range(0, len(metrics), _METRICS_PER_CALL):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_PER_CALL])


def _dataset_input(dataset: LoggedDataset) -> object:
    import json

    from mlflow.entities import Dataset, DatasetInput, InputTag

    described = Dataset(
        name=dataset.name,
        digest=dataset.digest,
        source_type="delta_table",
        source=json.dumps({"path": dataset.source_uri}),
        schema=json.dumps({"mlflow_colspec": [{"name": n, "type": t, "required": True} for n, t in dataset.columns.items()]}),
        profile=json.dumps({"num_rows": dataset.rows}),
    )
    return DatasetInput(described, [InputTag("mlflow.data.context", "training")])


def _log_files(client: MlflowClient, run_id: str, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        client.log_artifacts(run_id, folder)
