"""The champion, and its features when it was trained with another features.py than today's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.results import ChampionVersion, FeatureSet, ValidatedSnapshot


def champion_with_features(
    run: Run, validated: ValidatedSnapshot, own: FeatureSet
) -> tuple[ChampionVersion | None, FeatureSet | None]:
    """Return the champion and, only where its feature code differs, features built by that code.

    A champion answers for the code it was released with: judged or scored with another features.py it would be another model.
    The holdout and the newest days are enough for that, so no older ones are built.
    """
    from datetime import timedelta

    from evergreen.features.code import FeatureCode
    from evergreen.registry.releases import ReleaseRegistry
    from evergreen.stages.build_features import build_features
    from evergreen.stages.score import champion_feature_source

    champion = ReleaseRegistry(run.settings).champion(run.definition.name)
    if champion is None or champion.features_source_digest == own.source_digest:
        return champion, None
    code = FeatureCode.from_source(champion_feature_source(champion, run.settings))
    first_day = own.last_day - run.definition.gate.holdout - timedelta(days=1)
    return champion, build_features(run.definition, validated, run.settings, code=code, first_day=first_day)
