"""Features to learn from: today's code over every day that is not under quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.results import FeatureSet, ValidatedSnapshot


def features_to_learn_from(run: Run, validated: ValidatedSnapshot) -> FeatureSet:
    """Return features of all days but those that a night of monitoring has set aside; scoring leaves none out."""
    from evergreen.registry.nights import NightStore
    from evergreen.stages.build_features import build_features

    aside = NightStore(run.settings.database_url).set_aside(run.definition.name, run.as_of)
    return build_features(run.definition, validated, run.settings, excluded_days=tuple(aside), force=run.force)


def features_of_tonight(run: Run) -> FeatureSet:
    """Take in, check and compute what a refit of tonight would learn from; what another DAG did already is found done."""
    return features_to_learn_from(run, validated_tonight(run))


def validated_tonight(run: Run) -> ValidatedSnapshot:
    """Take in and check what there is tonight; what another DAG did already is found done."""
    from evergreen.connect.connections import connection_url
    from evergreen.stages.ingest import ingest
    from evergreen.stages.validate import validate

    snapshot = ingest(run.definition, run.settings, run.as_of, resolve_connection=connection_url)
    return validate(run.definition, snapshot, run.settings)
