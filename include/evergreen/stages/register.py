"""Stage register: a promoted challenger becomes a version in MLflow, and in our own books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle
from evergreen.predictors.manifest import MANIFEST_NAME
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.mlflow_models import MlflowModels, VersionToRegister
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.vouching import require_decision
from evergreen.results import ChampionVersion, RegisteredVersion

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.predictors.manifest import BundleManifest
    from evergreen.results import Verdict
    from evergreen.settings import Settings


def register(definition: ModelDefinition, verdict: Verdict, settings: Settings) -> RegisteredVersion:
    """Give a promoted challenger its version; the same bundle and decision give the same version.

    Args:
        definition: The model.
        verdict: The gate's answer; what counts is the record kept under its id.
        settings: Where things are.

    Raises:
        UndecidedError: No `promote` record stands behind the challenger's bytes.
        DigestMismatchError: The bundle is not the one that was judged.
        StoreUnavailableError: A store did not answer.
    """
    challenger = verdict.challenger
    require_decision(
        DecisionStore(settings.database_url).get(verdict.decision_id),
        decision_id=verdict.decision_id,
        model=definition.name,
        bundle_digest=challenger.bundle_digest,
    )
    manifest, contents = read_bundle(Files.from_settings(settings), challenger.bundle_uri, challenger.bundle_digest)
    number = MlflowModels(settings).register(
        VersionToRegister(
            model=definition.name,
            bundle_digest=challenger.bundle_digest,
            decision_id=verdict.decision_id,
            mlflow_run_id=challenger.mlflow_run_id,
            files={**contents, MANIFEST_NAME: manifest.to_bytes()},
            numeric=manifest.numeric,
            categorical=_known_values(manifest),
            tags=_tags(manifest, verdict),
        )
    )
    version = ChampionVersion(
        model=definition.name,
        version=number,
        bundle_uri=challenger.bundle_uri,
        bundle_digest=challenger.bundle_digest,
        decision_id=verdict.decision_id,
        mlflow_run_id=challenger.mlflow_run_id,
        trained_through=manifest.trained_through,
        features_source_digest=manifest.features_source_digest,
    )
    ReleaseRegistry(settings).register(version)
    return RegisteredVersion(**version.model_dump(include=set(RegisteredVersion.model_fields)))


def _known_values(manifest: BundleManifest) -> dict[str, str]:
    return {column.column: next(iter(column.values), "") for column in manifest.encoder.categorical}


def _tags(manifest: BundleManifest, verdict: Verdict) -> dict[str, str]:
    facts = {
        "algorithm": manifest.algorithm,
        "trained_from": manifest.trained_from.isoformat(),
        "trained_through": manifest.trained_through.isoformat(),
        "training_rows": str(manifest.training_rows),
        "features_digest": manifest.features_digest,
        "features_source_digest": manifest.features_source_digest,
        "lock_digest": manifest.lock_digest,
        "as_of": verdict.as_of.isoformat(),
        "report_uri": verdict.report_uri,
    }
    return {f"evergreen.{name}": value for name, value in facts.items()}
