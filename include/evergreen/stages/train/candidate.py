"""Stage `train`: one candidate, from features to a bundle."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.digests import digest_json
from evergreen.errors import DigestMismatchError, FeatureError, RequestError
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle, write_bundle
from evergreen.predictors.manifest import FEATURES_NAME, PROFILE_NAME, BundleFile, BundleManifest
from evergreen.predictors.threshold import decision_threshold
from evergreen.registry.training_runs import log_training
from evergreen.results import Candidate
from evergreen.stages.train.boosting import BoostingLearner
from evergreen.stages.train.folds import time_ordered_folds
from evergreen.stages.train.linear import learn_linear
from evergreen.stages.train.plan import BASELINE, plan_candidates
from evergreen.stages.train.profile import profile_training
from evergreen.stages.train.rates import learn_rates
from evergreen.stages.train.record import Trained, describe_training
from evergreen.stages.train.rows import read_training_rows
from evergreen.stages.train.validation import validate_candidate
from evergreen.tables.addresses import bundles_uri
from evergreen.tables.stage_results import StageResults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.definitions import ModelDefinition
    from evergreen.predictors.calibration import Calibration
    from evergreen.results import FeatureSet
    from evergreen.settings import Settings
    from evergreen.stages.train.fitted import Fitted
    from evergreen.stages.train.folds import Fold
    from evergreen.stages.train.rows import TrainingRows

_log = logging.getLogger(__name__)

TRAINER = 3
"""Raised when the same inputs would give another model, so that older results are not taken for new ones."""


def train_candidate(
    definition: ModelDefinition,
    features: FeatureSet,
    settings: Settings,
    name: str,
    *,
    lock_digest: str = "",
    code_revision: str = "",
    force: bool = False,
) -> Candidate:
    """Search, fit and calibrate one candidate on everything before the holdout; done once for the same inputs.

    Args:
        definition: The model definition.
        features: What to learn from.
        settings: Where things are, and how many threads to use; the result does not depend on their number.
        name: One of `plan_candidates(definition)`.
        lock_digest: Digest of the locked requirements.
        code_revision: Revision of the project, for the record.
        force: Train even though the result is already there.

    Raises:
        RequestError: The definition has no such candidate.
        FeatureError: The features were built from another model.yaml.
        NotEnoughRowsError: There is too little to learn from.
        StoreUnavailableError: MLflow or S3 did not answer.
    """
    planned = plan_candidates(definition)
    if name not in planned:
        raise RequestError(
            "the definition has no such candidate",
            found=name,
            allowed=", ".join(planned),
            remedy="name one of these, or add it to training.candidates",
        )
    _require_own_layout(definition, features)
    job = _Job(definition, features, settings, name, lock_digest, code_revision)
    results = StageResults(settings.results_uri, definition.name, job.files)
    done = results.get("train", job.key, Candidate)
    if done is not None and not force and _is_sound(done, job.files):
        _log.info("%s is trained already: bundle %s", name, done.bundle_digest)
        return done
    candidate = job.run()
    results.put("train", job.key, candidate)
    return candidate


@dataclass(frozen=True)
class _Job:
    """One candidate to be trained; arguments as in `train_candidate`."""

    definition: ModelDefinition
    features: FeatureSet
    settings: Settings
    name: str
    lock_digest: str
    code_revision: str

    @cached_property
    def files(self) -> Files:
        """Where files are."""
        return Files.from_settings(self.settings)

    @cached_property
    def key(self) -> str:
        """Digest of all that decides the bundle, and of nothing else: a new gate threshold trains nothing."""
        return digest_json(
            {
                "trainer": TRAINER,
                "name": self.name,
                "training": self.definition.digest("training"),
                "holdout_start": self.definition.holdout_start(self.features.last_day).isoformat(),
                "label": self.definition.data.label.model_dump(mode="json"),
                "as_of": self.features.as_of.isoformat(),
                "features": self.features.digest,
                "features_source": self.features.source_digest,
                "feature_layout": self.features.layout_digest,
                "excluded_days": [day.isoformat() for day in self.features.excluded_days],
                "lock": self.lock_digest,
            }
        )

    def run(self) -> Candidate:
        """Train, write the bundle, log to MLflow; in this order, each step safe to repeat."""
        began = time.monotonic()
        rows = read_training_rows(self.definition, self.features, self.files)
        folds = time_ordered_folds(rows, self.definition.training.search)
        _log.info(
            "%s: learning from %d rows, %s to %s, %d folds", self.name, len(rows.label), rows.first, rows.last, len(folds)
        )
        fitted = self._learn(rows, folds)
        # The baseline's rates are probabilities already; calibrating them would make it less trivial than it should be.
        method = "none" if self.name == BASELINE else self.definition.training.calibration
        validation = validate_candidate(fitted.fold_scores, tuple(rows.label[fold.test] for fold in folds), method)
        metrics = validation.metrics(self.definition.training.costs)
        profile = profile_training(
            rows, fitted.encoder, folds, validation.probability, decision_threshold(self.definition.training.costs)
        )
        companions = {FEATURES_NAME: self.features.source.encode(), PROFILE_NAME: profile.to_bytes()}
        contents = {**fitted.model_files, **companions}
        manifest = self._manifest(rows, fitted, validation.calibration, contents)
        uri, digest = write_bundle(self.files, bundles_uri(self.settings, self.definition.name), manifest, contents)
        trained = Trained(manifest, self.features, rows, fitted, validation, metrics, len(folds))
        run = describe_training(trained, key=digest_json([self.key, digest]), code_revision=self.code_revision)
        candidate = Candidate(
            name=self.name,
            bundle_uri=uri,
            bundle_digest=digest,
            trained_from=rows.first,
            trained_through=rows.last,
            training_rows=len(rows.label),
            features_digest=self.features.digest,
            mlflow_run_id=log_training(self.settings, run),
            metrics=metrics,
            seconds=round(time.monotonic() - began, 3),
        )
        _log.info("%s: %s; %.1f s", self.name, ", ".join(f"{n} {v:.4f}" for n, v in metrics.items()), candidate.seconds)
        return candidate

    def _learn(self, rows: TrainingRows, folds: tuple[Fold, ...]) -> Fitted:
        training = self.definition.training
        if self.name == BASELINE:
            return learn_rates(rows, folds, training)
        if self.name == "logistic_regression":
            return learn_linear(rows, folds, training)
        return BoostingLearner(rows, folds, training, threads=self.settings.threads).learn()

    def _manifest(
        self, rows: TrainingRows, fitted: Fitted, calibration: Calibration, contents: Mapping[str, bytes]
    ) -> BundleManifest:
        return BundleManifest(
            model=self.definition.name,
            algorithm=self.name,
            numeric=fitted.encoder.numeric,
            categorical=tuple(column.column for column in fitted.encoder.categorical),
            encoder=fitted.encoder,
            intercept=fitted.intercept,
            calibration=calibration,
            threshold=decision_threshold(self.definition.training.costs),
            label=self.definition.data.label,
            hyper_parameters=dict(fitted.hyper_parameters),
            seed=self.definition.training.seed,
            trained_from=rows.first,
            trained_through=rows.last,
            training_rows=len(rows.label),
            positive_share=float(rows.label.sum() / len(rows.label)),
            training_digest=rows.digest,
            features_digest=self.features.digest,
            features_source_digest=self.features.source_digest,
            feature_layout=FeatureLayout.of(self.definition),
            lock_digest=self.lock_digest,
            files={name: BundleFile.of(data) for name, data in sorted(contents.items())},
        )


def _require_own_layout(definition: ModelDefinition, features: FeatureSet) -> None:
    # The manifest says how the features are to be built; saying it wrongly would be worse than not saying it.
    layout = FeatureLayout.of(definition)
    if features.layout_digest != layout.digest:
        raise FeatureError(
            "the features were built from another model.yaml",
            found=f"feature layout {features.layout_digest}",
            allowed=f"feature layout {layout.digest}, that of model.yaml now",
            remedy="build the features again: start a new run, and leave model.yaml alone while it is under way",
        )


def _is_sound(candidate: Candidate, files: Files) -> bool:
    try:
        read_bundle(files, candidate.bundle_uri, candidate.bundle_digest)
    except DigestMismatchError as error:
        _log.warning("the bundle of an earlier run is gone or damaged, training again: %s", error.found)
        return False
    return True
