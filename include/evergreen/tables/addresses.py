"""Where each table, bundle and page of a model lives: the one place that spells a path."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from evergreen.files import join_uri

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.settings import Settings

SOURCE_DIGEST_LENGTH = 12
"""Characters of the feature code's digest that name its table; the whole digest is in every result."""


def as_of_name(as_of: datetime) -> str:
    """Return an as-of as it stands in names of files, such as `20130401T070000Z`."""
    return f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def landing_folder(settings: Settings, model: str) -> str:
    """Return where upstream systems put a model's files."""
    return join_uri(settings.landing_uri, model)


def listing_uri(settings: Settings, model: str, table: str) -> str:
    """Return where ingest remembers which landing files it has read."""
    return join_uri(settings.tables_uri, model, "_landing", f"{table}.json")


def raw_uri(settings: Settings, model: str, table: str) -> str:
    """Return where a source table's rows are kept, by day."""
    return join_uri(settings.tables_uri, model, "raw", table)


def quarantine_uri(settings: Settings, model: str, table: str) -> str:
    """Return where a source table's quarantined rows are kept, by day."""
    return join_uri(settings.tables_uri, model, "quarantine", table)


def features_uri(settings: Settings, model: str, source_digest: str) -> str:
    """Return where the features computed by one feature code are kept, by day."""
    return join_uri(settings.tables_uri, model, "features", source_digest[:SOURCE_DIGEST_LENGTH])


def labels_uri(settings: Settings, model: str) -> str:
    """Return where labels are kept, by day."""
    return join_uri(settings.tables_uri, model, "labels")


def predictions_uri(settings: Settings, model: str) -> str:
    """Return where batch predictions are kept, by day."""
    return join_uri(settings.tables_uri, model, "predictions")


def served_uri(settings: Settings, model: str) -> str:
    """Return where the gateway's answers are kept, by day."""
    return join_uri(settings.tables_uri, model, "served")


def outcomes_uri(settings: Settings, model: str) -> str:
    """Return where predictions that came true or did not are kept, by day."""
    return join_uri(settings.tables_uri, model, "outcomes")


def night_folder(settings: Settings, model: str, as_of: datetime) -> str:
    """Return the folder of what monitoring saw in one night: observations, diagnosis, probe."""
    return join_uri(settings.artifacts_uri, model, "monitoring", as_of_name(as_of))


def trials_folder(settings: Settings, model: str, rollout_id: str) -> str:
    """Return the folder of what a rollout was decided on, one file per decision, named by its digest."""
    return join_uri(settings.artifacts_uri, model, "rollouts", rollout_id)


def validations_uri(settings: Settings, model: str) -> str:
    """Return where the outcomes of validation are kept, by day."""
    return join_uri(settings.tables_uri, model, "validations")


def bundles_uri(settings: Settings, model: str) -> str:
    """Return the folder of candidate bundles, each named by its digest."""
    return join_uri(settings.artifacts_uri, model, "bundles")


def online_uri(settings: Settings, model: str) -> str:
    """Return the folder of published online inputs, each named by its digest."""
    return join_uri(settings.artifacts_uri, model, "online")


def report_uri(settings: Settings, model: str, stage: str, name: str) -> str:
    """Return where a stage's page for people is written, such as `…/gate/<key>.html`."""
    return join_uri(settings.reports_uri, model, stage, name)


def trial_page_uri(settings: Settings, model: str, rollout_id: str, step: int) -> str:
    """Return where the page of a step of a rollout is written, once the step has come to its end."""
    return report_uri(settings, model, "rollout", f"{rollout_id}-{step}.html")
