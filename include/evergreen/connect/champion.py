"""The champion, and its features when it was trained with another features.py than today's.

A champion answers for the code it was released with: judged or scored with another features.py it would be another model.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition
    from evergreen.results import ChampionVersion, FeatureSet, ValidatedSnapshot

DAYS_FOR_SCORING = timedelta(days=3)
"""Days that an older features.py is run on to score a night: the newest complete one, whatever `predict_before` is."""


def current_champion(run: Run) -> ChampionVersion | None:
    """Return the champion, None before the first."""
    from evergreen.registry.releases import ReleaseRegistry

    return ReleaseRegistry(run.settings).champion(run.definition.name)


def features_to_judge(
    run: Run, validated: ValidatedSnapshot, own: FeatureSet, champion: ChampionVersion | None
) -> FeatureSet | None:
    """Return the champion's features over the holdout, None where `own` are its features as well."""
    if champion is None or champion.features_source_digest == own.source_digest:
        return None
    return _features_as_released(run, validated, champion, own.last_day - run.definition.gate.holdout - timedelta(days=1))


def features_to_score(run: Run, validated: ValidatedSnapshot, champion: ChampionVersion) -> FeatureSet:
    """Return features built by the champion's code; today's features.py is not run where it is another one.

    So a features.py that broke today stops training but not scoring, and a rollback brings the code back with the model.
    """
    from evergreen.digests import digest_bytes
    from evergreen.stages.build_features import build_features

    if digest_bytes(run.definition.features_path.read_bytes()) == champion.features_source_digest:
        return build_features(run.definition, validated, run.settings, force=run.force)
    today = run.definition.schedule.day_of(run.as_of)
    return _features_as_released(run, validated, champion, today - DAYS_FOR_SCORING)


def _features_as_released(run: Run, validated: ValidatedSnapshot, champion: ChampionVersion, first_day: date) -> FeatureSet:
    from evergreen.features.code import FeatureCode
    from evergreen.stages.build_features import build_features
    from evergreen.stages.score import champion_feature_source

    code = FeatureCode.from_source(champion_feature_source(champion, run.settings))
    definition = _as_released(run, champion)
    return build_features(definition, validated, run.settings, code=code, first_day=first_day, force=run.force)


def _as_released(run: Run, champion: ChampionVersion) -> ModelDefinition:
    """Return the definition with the champion's own categories and without slices.

    Both may name features that its code never knew; slices are read from the challenger's rows.
    """
    from evergreen.files import Files
    from evergreen.predictors.bundle import read_bundle

    manifest, _ = read_bundle(Files.from_settings(run.settings), champion.bundle_uri, champion.bundle_digest)
    features = run.definition.features.model_copy(update={"categorical": tuple(manifest.categorical)})
    gate = run.definition.gate.model_copy(update={"slices": ()})
    return run.definition.model_copy(update={"features": features, "gate": gate})
