"""What a stack has decided and computed, without what may differ: addresses, moments of recording, MLflow's own ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text

from evergreen.files import Files, join_uri
from evergreen.tables.addresses import labels_uri, predictions_uri, raw_uri
from evergreen.tables.day_table import DayTable

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

DECISIONS = (
    "id, as_of, outcome, reasons, challenger_name, challenger_digest, champion_version, champion_digest, holdout_digest,"
    " measurement_digest, gate_digest, rows_needed"
)
NIGHTS = (
    "id, as_of, revision, release_version, bundle_digest, cause, action, severity, reasons, alarms, faulty_days, probed,"
    " starts_training, new_rows, diagnosis_digest, probe_digest, policy_digest, past_digest"
)
VERSIONS = "version, bundle_digest, decision_id, features_source_digest"
RELEASES = "generation, action, version, previous_version, decision_id, rollout, reason"


def decided(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the registry, in order, by what they tell."""
    asked = {
        "decisions": (DECISIONS, "evergreen_decisions", "as_of, id"),
        "nights": (NIGHTS, "evergreen_nights", "as_of, revision"),
        "versions": (VERSIONS, "evergreen_versions", "version"),
        "releases": (RELEASES, "evergreen_releases", "generation"),
    }
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return {
                name: [
                    _plain(dict(row))
                    for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY {order}")).mappings()
                ]
                for name, (columns, table, order) in asked.items()
            }
    finally:
        engine.dispose()


def computed(settings: Settings, definition: ModelDefinition) -> dict[str, dict[str, str]]:
    """Return the content digest of every day of every table, by table."""
    files = Files.from_settings(settings)
    places = {name: raw_uri(settings, definition.name, name) for name in definition.data.tables}
    places["labels"] = labels_uri(settings, definition.name)
    places["predictions"] = predictions_uri(settings, definition.name)
    features = join_uri(settings.tables_uri, definition.name, "features")
    below = {info.uri.removeprefix(features).strip("/").partition("/")[0] for info in files.list(features)}
    places |= {f"features {name}": join_uri(features, name) for name in below}
    found = {name: DayTable(uri, files).partitions() for name, uri in places.items()}
    return {name: {str(day): one.digest for day, one in days.items()} for name, days in found.items()}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """One spelling for what PostgreSQL returns as JSON, booleans and moments, and SQLite as text and numbers."""
    import json
    from datetime import UTC, datetime

    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name == "as_of":
            moment = datetime.fromisoformat(str(value))
            value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        elif name in ("reasons", "alarms", "faulty_days") and isinstance(value, str):
            value = json.loads(value)
        elif name in ("probed", "starts_training"):
            value = bool(value)
        plain[name] = value
    return plain
