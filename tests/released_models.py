"""Small, truly trained bundles of every algorithm, with the decision and verdict that let them be released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.definitions.model import ModelDefinition
from evergreen.digests import digest_bytes
from evergreen.files import Files
from evergreen.predictors.baseline import RateTable
from evergreen.predictors.bundle import open_predictor, read_bundle, write_bundle
from evergreen.predictors.calibration import Calibration, NoCalibration, SigmoidCalibration
from evergreen.predictors.encoder import Encoder, category_text
from evergreen.predictors.logistic import fit_logistic, prepare_logistic
from evergreen.predictors.manifest import BundleFile, BundleManifest
from evergreen.predictors.onnx_export import export_onnx
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Candidate, ChampionVersion, FeatureSet, Outcome, Verdict
from evergreen.stages.train.folds import Fold
from evergreen.stages.train.profile import profile_training
from evergreen.stages.train.rows import TrainingRows
from evergreen.tables.addresses import bundles_uri, features_uri
from evergreen.tables.day_table import DayTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.reference_profile import ReferenceProfile
    from evergreen.settings import Settings

MODEL = "flights"
NUMERIC = ("distance", "temp")
CATEGORICAL = ("carrier", "hour")
AS_OF = datetime(2013, 4, 1, 7, tzinfo=UTC)
SOURCE = "def row_features(rows, entities):\n    return rows\n"
FIRST_DAY = date(2013, 3, 1)


def a_definition(**changes: object) -> ModelDefinition:
    value = {
        "name": MODEL,
        "title": "Will it be late?",
        "owner": "tests",
        "data": {
            "rows": "schedule",
            "first_day": "2013-01-01",
            "label": {"table": "arrivals", "column": "late", "equals": 1},
            "tables": {
                table: {"files": f"{table}/{{day}}.parquet", "key": ["id"], "event_time": "at", "available_after": available}
                for table, available in (("schedule", "-7d"), ("arrivals", "1d"))
            },
        },
    }
    return ModelDefinition.model_validate(value | changes)


def a_frame(rows: int = 400, seed: int = 1, days: int = 4) -> pd.DataFrame:
    """Features as they come: whole numbers, missing values, unseen and missing categories."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "_key": [f"row-{seed}-{number:05d}" for number in range(rows)],
            "_event_time": [
                datetime(2013, 3, 1, 12, tzinfo=UTC) + timedelta(days=number * days // rows, seconds=number)
                for number in range(rows)
            ],
            "distance": random.integers(80, 3000, rows),
            "temp": np.where(random.random(rows) < 0.1, np.nan, random.normal(50, 15, rows)),
            "carrier": random.choice(np.array(["AA", "UA", "DL", "ü&", None], dtype=object), rows),
            "hour": random.choice(np.array([6.0, 12.0, 18.0, np.nan]), rows),
        }
    )
    frame["_event_time"] = pd.to_datetime(frame["_event_time"], utc=True).astype("datetime64[us, UTC]")
    frame["_day"] = frame["_event_time"].dt.date
    frame["_prediction_time"] = frame["_event_time"] - pd.Timedelta(hours=2)
    return frame


def _learn(algorithm: str, frame: pd.DataFrame, *, shuffled: bool = False) -> tuple[Encoder, dict[str, bytes], float]:
    label = ((frame["temp"].fillna(40) + 10 * (frame["carrier"] == "AA")) > 52).to_numpy(dtype=np.float64)
    if shuffled:
        np.random.default_rng(1).shuffle(label)
    if algorithm == "baseline":
        encoder = Encoder.fit(frame, (), ("hour",))
        table = RateTable.fit(encoder.transform(frame), label)
        return encoder, {"model.json": table.model_dump_json().encode()}, 0.0
    encoder = Encoder.fit(frame, NUMERIC, CATEGORICAL)
    matrix = encoder.transform(frame)
    if algorithm == "logistic_regression":
        prepared = prepare_logistic(encoder, matrix)
        model = fit_logistic(prepared, prepared.design(matrix), label, np.ones(len(label)), inverse_penalty=1.0)
        return encoder, {"model.json": model.model_dump_json().encode()}, 0.0
    import xgboost

    kinds = ["q"] * len(NUMERIC) + ["c"] * len(CATEGORICAL)
    data = xgboost.DMatrix(matrix, label=label, feature_types=kinds, enable_categorical=True)
    options = {"objective": "binary:logistic", "max_depth": 4, "base_score": 0.5, "nthread": 1, "seed": 1}
    booster = xgboost.train(options, data, num_boost_round=20)
    return encoder, {"model.ubj": bytes(booster.save_raw("ubj")), "model.onnx": export_onnx(booster)}, 0.25


def a_layout(**changes: object) -> FeatureLayout:
    """The layout of `a_definition`, with other fields where named."""
    return FeatureLayout.of(a_definition()).model_copy(update=changes)


def a_feature_set(settings: Settings, frame: pd.DataFrame, *, source: str = SOURCE, as_of: datetime = AS_OF) -> FeatureSet:
    """Write a frame as `build_features` would."""
    stored = frame.assign(hour=frame["hour"].map(category_text), distance=frame["distance"].astype("float64"))
    days = {day: pa.Table.from_pandas(rows.drop(columns="_day"), preserve_index=False) for day, rows in stored.groupby("_day")}
    uri = features_uri(settings, MODEL, digest_bytes(source.encode()))
    written = DayTable(uri, Files()).write_days(days)
    return FeatureSet(
        model=MODEL,
        as_of=as_of,
        uri=uri,
        version=written.version,
        digest=DayTable.snapshot_digest(written.partitions.values()),
        first_day=min(days),
        last_day=max(days),
        rows=len(frame),
        labelled_rows=0,
        numeric=NUMERIC,
        categorical=CATEGORICAL,
        slice_columns=(),
        labels_uri="",
        labels_version=0,
        source_digest=digest_bytes(source.encode()),
        source=source,
        layout_digest=a_layout().digest,
        snapshot_digest="s" * 32,
        built_days=len(days),
    )


@dataclass(frozen=True)
class Judged:
    """A bundle with its decision."""

    candidate: Candidate
    verdict: Verdict
    record: DecisionRecord


def a_profile(frame: pd.DataFrame, encoder: Encoder, probability: np.ndarray) -> ReferenceProfile:
    """Profile a frame as a training would; here the model has learned from the rows that it is asked about."""
    stored = frame.assign(hour=frame["hour"].map(category_text), _label=np.arange(len(frame)) % 2)
    rows = TrainingRows(stored, encoder.numeric, (), AS_OF)
    return profile_training(rows, encoder, (Fold(0, len(frame)),), probability, threshold=0.4)


def a_bundle(
    settings: Settings,
    algorithm: str,
    *,
    seed: int = 1,
    calibration: Calibration | None = None,
    source: str = SOURCE,
    layout: FeatureLayout | None = None,
    shuffled: bool = False,
    change: Callable[[dict[str, bytes]], dict[str, bytes]] = dict,
) -> Candidate:
    """Train on a small frame, with its labels in another order where asked for, and write the bundle with the model changed."""
    frame = a_frame(seed=seed)
    encoder, contents, intercept = _learn(algorithm, frame, shuffled=shuffled)
    numeric, categorical = encoder.numeric, tuple(column.column for column in encoder.categorical)
    through = frame["_event_time"].max().to_pydatetime()
    manifest = BundleManifest(
        model=MODEL,
        algorithm=algorithm,
        numeric=numeric,
        categorical=categorical,
        encoder=encoder,
        intercept=intercept,
        calibration=calibration
        or (NoCalibration() if algorithm == "baseline" else SigmoidCalibration(slope=0.9, intercept=0.1)),
        threshold=0.4,
        label=a_definition().data.label,
        hyper_parameters={"seed": seed},
        seed=seed,
        trained_from=frame["_event_time"].min().to_pydatetime(),
        trained_through=through,
        training_rows=len(frame),
        positive_share=0.5,
        training_digest="t" * 32,
        features_digest="f" * 32,
        features_source_digest=digest_bytes(source.encode()),
        feature_layout=layout or a_layout(),
        lock_digest="l" * 32,
        files={},
    )
    probability = open_predictor(manifest, contents).probability(frame)
    contents = change(contents)
    contents |= {"features.py": source.encode(), "profile.json": a_profile(frame, encoder, probability).to_bytes()}
    manifest = manifest.model_copy(update={"files": {name: BundleFile.of(data) for name, data in contents.items()}})
    uri, digest = write_bundle(Files(), bundles_uri(settings, MODEL), manifest, contents)
    return Candidate(
        name=algorithm,
        bundle_uri=uri,
        bundle_digest=digest,
        trained_from=manifest.trained_from,
        trained_through=through,
        training_rows=len(frame),
        features_digest="f" * 32,
        mlflow_run_id="",
        metrics={},
        seconds=1.0,
    )


def judge(
    settings: Settings, candidate: Candidate, *, against: str | None = None, outcome: Outcome = Outcome.PROMOTE
) -> Judged:
    """Record a decision about a candidate, as the gate does."""
    record = DecisionStore(settings.database_url).record(
        DecisionRecord(
            model=MODEL,
            as_of=AS_OF,
            outcome=outcome,
            reasons=("better than what there was",),
            challenger_name=candidate.name,
            challenger_digest=candidate.bundle_digest,
            champion_version=against,
            champion_digest=None,
            holdout_digest="h" * 32,
            measurement_digest="m" * 32,
            gate_digest="g" * 32,
            measurement_uri="/m.json",
            report_uri="/r.html",
            mlflow_run_id=candidate.mlflow_run_id,
        )
    )
    verdict = Verdict(
        model=MODEL,
        as_of=AS_OF,
        outcome=outcome,
        reasons=record.reasons,
        decision_id=record.id,
        challenger=candidate,
        champion_version=against,
        measurement_uri="/m.json",
        report_uri="/r.html",
    )
    return Judged(candidate, verdict, record)


def register_without_mlflow(settings: Settings, number: int, judged: Judged) -> ChampionVersion:
    """Give a judged bundle a version in our books alone."""
    manifest, _ = read_bundle(Files(), judged.candidate.bundle_uri, judged.candidate.bundle_digest)
    version = ChampionVersion(
        model=MODEL,
        version=str(number),
        bundle_uri=judged.candidate.bundle_uri,
        bundle_digest=judged.candidate.bundle_digest,
        decision_id=judged.record.id,
        mlflow_run_id="",
        trained_through=judged.candidate.trained_through,
        features_source_digest=manifest.features_source_digest,
    )
    ReleaseRegistry(settings, mirror=Nowhere()).register(version)
    return version


def release_without_mlflow(settings: Settings, number: int, judged: Judged) -> ChampionVersion:
    """Make a judged bundle the champion in our books alone."""
    version = register_without_mlflow(settings, number, judged)
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    registry.promote(MODEL, version.version, judged.record.id, judged.verdict.champion_version, actor="test")
    return version


class Nowhere:
    """Stands for MLflow where only our own books are asked."""

    def holds(self, version: ChampionVersion) -> bool:
        """Have everything."""
        return True

    def show(self, model: str, champion: str, previous: str | None) -> None:
        """Show nothing."""
