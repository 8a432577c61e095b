"""What MLflow is told about a training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from evergreen.predictors.manifest import FEATURES_NAME, MANIFEST_NAME
from evergreen.predictors.released import feature_kinds
from evergreen.registry.training_runs import LoggedDataset, TrainingRun
from evergreen.reports.training_report import draw_training, render_training_page
from evergreen.stages.train.search import best_trial
from evergreen.statistics.calibration_error import calibration_bins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from evergreen.predictors.arrays import Vector
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.reports.training_report import Curve, TrainingPictures
    from evergreen.results import FeatureSet
    from evergreen.stages.train.fitted import Fitted
    from evergreen.stages.train.rows import TrainingRows
    from evergreen.stages.train.validation import Validation

_CURVE_POINTS = 200
_CALIBRATION_BINS = 10
_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Trained:
    """One training in memory, from the rows to the manifest."""

    manifest: BundleManifest
    features: FeatureSet
    rows: TrainingRows
    fitted: Fitted
    validation: Validation
    metrics: Mapping[str, float]
    folds: int


def describe_training(trained: Trained, *, key: str, code_revision: str) -> TrainingRun:
    """Gather everything about a training that somebody may want to look up later.

    Args:
        trained: The training.
        key: Digest that this training and no other has.
        code_revision: Revision of the project.
    """
    manifest, features = trained.manifest, trained.features
    types = feature_kinds(manifest)
    return TrainingRun(
        model=manifest.model,
        name=f"{manifest.algorithm} {features.last_day}",
        key=key,
        params={
            **manifest.hyper_parameters,
            "algorithm": manifest.algorithm,
            "calibration": manifest.calibration.method,
            "threshold": manifest.threshold,
            "seed": manifest.seed,
            "folds": trained.folds,
        },
        metrics={
            **{f"validation_{name}": value for name, value in trained.metrics.items()},
            "training_rows": float(manifest.training_rows),
            "positive_share": manifest.positive_share,
            "model_bytes": float(manifest.model_bytes),
        },
        curves=_curves(trained.fitted),
        tags=_tags(manifest, features, code_revision),
        dataset=LoggedDataset("training_rows", manifest.training_digest, features.uri, types, manifest.training_rows),
        files=_files(trained, types),
    )


def _files(trained: Trained, types: Mapping[str, str]) -> dict[str, bytes]:
    pictures, fitted, manifest = _draw(trained.fitted, trained.validation), trained.fitted, trained.manifest
    return {
        **pictures.as_files(),
        "report.html": _page(trained, pictures).encode(),
        MANIFEST_NAME: manifest.to_bytes(),
        FEATURES_NAME: trained.features.source.encode(),
        "signature.json": _json({"inputs": dict(types), "outputs": {"probability": "double", "decision": "boolean"}}),
        "input_example.json": _example(trained.rows, manifest),
        "trials.json": _json([{"number": t.number, "loss": t.loss, "parameters": t.parameters} for t in fitted.trials]),
        "importance.json": _json(dict(fitted.importance)),
    }


def _page(trained: Trained, pictures: TrainingPictures) -> str:
    manifest, fitted = trained.manifest, trained.fitted
    return render_training_page(
        pictures,
        title=manifest.algorithm.replace("_", " ").capitalize(),
        model=manifest.model,
        rows=manifest.training_rows,
        trained_from=manifest.trained_from,
        trained_through=manifest.trained_through,
        folds=trained.folds,
        validation_rows=len(trained.validation.label),
        metrics=trained.metrics,
        trials=fitted.trials,
        best=best_trial(fitted.trials).number if fitted.trials else None,
        hyper_parameters=manifest.hyper_parameters,
        bundle_digest=manifest.digest,
        training_digest=manifest.training_digest,
    )


def _draw(fitted: Fitted, validation: Validation) -> TrainingPictures:
    label, probability = validation.label, validation.probability
    bins = calibration_bins(label, probability)
    ranking: dict[str, Curve] = {}
    if label.min() < label.max():  # with one answer alone nothing can be ranked
        false_share, true_share, _ = roc_curve(label, probability)
        precision, recall, _ = precision_recall_curve(label, probability)
        ranking = {"roc": _thinned(false_share, true_share), "precision_recall": _thinned(recall, precision)}
    return draw_training(
        **ranking,
        calibration=(bins.said.tolist(), bins.came_true.tolist()),
        importance=fitted.importance,
        learning=fitted.learning_curve,
    )


def _thinned(x: Vector, y: Vector) -> Curve:
    """Keep as many points of a curve as an eye can tell apart."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _CURVE_POINTS)).astype(int))
    return x[kept].tolist(), y[kept].tolist()


def _curves(fitted: Fitted) -> dict[str, list[tuple[int, float]]]:
    curves = {
        f"{name}_log_loss": [(int(step), value) for step, value in zip(x, y, strict=True)]
        for name, (x, y) in fitted.learning_curve.items()
    }
    if fitted.trials:
        curves["trial_log_loss"] = [(trial.number + 1, trial.loss) for trial in fitted.trials if np.isfinite(trial.loss)]
    return curves


def _tags(manifest: BundleManifest, features: FeatureSet, code_revision: str) -> dict[str, str]:
    return {
        "evergreen.model": manifest.model,
        "evergreen.candidate": manifest.algorithm,
        "evergreen.as_of": features.as_of.isoformat(),
        "evergreen.trained_from": manifest.trained_from.isoformat(),
        "evergreen.trained_through": manifest.trained_through.isoformat(),
        "evergreen.bundle_digest": manifest.digest,
        "evergreen.training_digest": manifest.training_digest,
        "evergreen.features_digest": manifest.features_digest,
        "evergreen.features_source_digest": manifest.features_source_digest,
        "evergreen.feature_layout_digest": manifest.feature_layout.digest,
        "evergreen.snapshot_digest": features.snapshot_digest,
        "evergreen.lock_digest": manifest.lock_digest,
        "evergreen.code_revision": code_revision,
        "mlflow.source.git.commit": code_revision.removesuffix("-dirty"),
    }


def _example(rows: TrainingRows, manifest: BundleManifest) -> bytes:
    frame = rows.frame[[*manifest.numeric, *manifest.categorical]].tail(_EXAMPLE_ROWS)
    text: str = frame.to_json(orient="split", index=False, date_format="iso")
    return text.encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
