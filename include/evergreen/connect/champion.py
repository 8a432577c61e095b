"""The champion, and its features where today's features.py or model.yaml would build them another way.

A champion answers for the features it was released with: judged or scored with another features.py, another `history` or
another `join` it would be another model.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from evergreen.connect.run import Run
    from evergreen.predictors.released import ReleasedFeatures
    from evergreen.results import ChampionVersion, FeatureSet, Materialized, ValidatedSnapshot

_log = logging.getLogger(__name__)

DAYS_FOR_SCORING = timedelta(days=3)
"""Days that an older release's features are built for, besides those to catch up on: the newest complete one is among them,
whatever `predict_before`."""


def current_champion(run: Run) -> ChampionVersion | None:
    """Return the champion, None before the first."""
    from evergreen.registry.releases import ReleaseRegistry

    return ReleaseRegistry(run.settings).champion(run.definition.name)


def features_to_judge(
    run: Run, validated: ValidatedSnapshot, own: FeatureSet, champion: ChampionVersion | None
) -> FeatureSet | None:
    """Return the champion's features over the holdout, None where `own` are its features as well.

    Raises:
        FeatureError: The champion's features cannot be built from today's tables.
        UndecidedError: No decision record vouches for the champion's bytes.
        DigestMismatchError: Its bundle is not the one that was decided on.
    """
    from evergreen.digests import digest_bytes
    from evergreen.stages.score import released_features

    if champion is None:
        return None
    released = released_features(champion, run.settings)
    if (own.source_digest, own.layout_digest) == (digest_bytes(released.source.encode()), released.layout.digest):
        return None
    first_day = own.last_day - run.definition.gate.holdout - timedelta(days=1)
    return _features_as_released(run, validated, released, first_day, excluded_days=own.excluded_days)


def features_to_score(run: Run, validated: ValidatedSnapshot, champion: ChampionVersion) -> FeatureSet:
    """Return features built as the champion's were; today's features.py is not run where it is another one.

    So a features.py that broke today stops training but not scoring, and a rollback brings code and layout back with the model.

    Raises:
        FeatureError: The champion's features cannot be built from today's tables.
        UndecidedError: No decision record vouches for the champion's bytes.
        DigestMismatchError: Its bundle is not the one that was decided on.
    """
    from evergreen.definitions.feature_layout import FeatureLayout
    from evergreen.stages.build_features import build_features
    from evergreen.stages.score import released_features

    released = released_features(champion, run.settings)
    today = (run.definition.features_path.read_bytes(), FeatureLayout.of(run.definition).digest)
    if today == (released.source.encode(), released.layout.digest):
        return build_features(run.definition, validated, run.settings, force=run.force)
    first_day = run.definition.schedule.day_of(run.as_of) - DAYS_FOR_SCORING - run.definition.schedule.catch_up
    return _features_as_released(run, validated, released, first_day)


def features_to_look_back(run: Run, replaced: ChampionVersion, first_day: date) -> FeatureSet:
    """Return the features of some days as the release before the champion would have been asked with them.

    Raises:
        FeatureError: Its features cannot be built from today's tables.
        UndecidedError: No decision record vouches for its bytes.
        DigestMismatchError: Its bundle is not the one that was decided on.
    """
    from evergreen.connect.learning import validated_tonight
    from evergreen.stages.score import released_features

    released = released_features(replaced, run.settings)
    return _features_as_released(run, validated_tonight(run), released, first_day)


def publish_online_inputs(run: Run, validated: ValidatedSnapshot, champion: ChampionVersion) -> Materialized:
    """Publish what the gateway needs to answer with the champion, and with what may answer beside it or in its place.

    Those are the release that a rollback would bring back, at any hour, and a challenger that is on trial. That one of them
    can no longer be prepared is told and stops nothing.

    Raises:
        EvergreenError: As `stages.materialize`, of the champion.
    """
    from evergreen.errors import EvergreenError
    from evergreen.stages.materialize import materialize

    published = materialize(run.definition, validated, champion, run.settings, force=run.force)
    for other, purpose in _others(run, champion):
        try:
            materialize(run.definition, validated, other, run.settings, force=run.force)
        except EvergreenError as error:
            _log.warning("%s: version %s is not prepared for %s: %s", champion.model, other.version, purpose, error)
    return published


def publish_for_challenger(run: Run, validated: ValidatedSnapshot, version: str) -> Materialized:
    """Publish what the gateway needs to ask a registered version that is to be tried out.

    Raises:
        EvergreenError: As `stages.materialize`; then there is no trial.
        UndecidedError: Nobody registered the version.
    """
    from evergreen.errors import UndecidedError
    from evergreen.registry.releases import ReleaseRegistry
    from evergreen.stages.materialize import materialize

    model = run.definition.name
    challenger = ReleaseRegistry(run.settings).version(model, version)
    if challenger is None:
        raise UndecidedError(
            "the version to be tried out is not one that Evergreen registered",
            found=f"version {version} of {model}",
            allowed="a version written by the `register` stage, with its digest and decision",
            remedy="clear the task `register`, so that it registers the bundle again",
        )
    return materialize(run.definition, validated, challenger, run.settings, force=run.force)


def _others(run: Run, champion: ChampionVersion) -> Iterator[tuple[ChampionVersion, str]]:
    """Yield the releases that the gateway may have to answer with besides the champion, and what for."""
    from evergreen.registry.releases import ReleaseRegistry
    from evergreen.registry.rollouts import RolloutStore

    registry = ReleaseRegistry(run.settings)
    moves = registry.timeline(champion.model, limit=1)
    previous = registry.version(champion.model, moves[0].previous_version) if moves and moves[0].previous_version else None
    if previous is not None:
        yield previous, "a rollback"
    rollout = RolloutStore(run.settings.database_url).current(champion.model)
    challenger = registry.version(champion.model, rollout.version) if rollout is not None else None
    if challenger is not None:
        yield challenger, "its trial"


def _features_as_released(
    run: Run,
    validated: ValidatedSnapshot,
    released: ReleasedFeatures,
    first_day: date,
    *,
    excluded_days: Collection[date] = (),
) -> FeatureSet:
    from evergreen.features.code import FeatureCode
    from evergreen.stages.build_features import build_features

    return build_features(
        run.definition,
        validated,
        run.settings,
        code=FeatureCode.from_source(released.source),
        layout=released.layout,
        first_day=first_day,
        excluded_days=excluded_days,
        force=run.force,
    )
