"""What a stack has decided and computed, without what differs between any two runs.

That is: addresses, moments of recording, MLflow's own ids; measured times, such as those of the serving budget; and the ids and
digests of what holds such times. Everything else has to be the same, to the last bit.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text

from evergreen.digests import digest_table
from evergreen.files import Files, join_uri
from evergreen.tables.addresses import labels_uri, predictions_uri, raw_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.predictions import FEATURES_URI

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

DECISIONS = (
    "as_of, outcome, reasons, challenger_name, challenger_digest, champion_version, champion_digest, holdout_digest,"
    " gate_digest, rows_needed"
)
NIGHTS = (
    "as_of, revision, release_version, bundle_digest, cause, action, severity, reasons, alarms, faulty_days, probed,"
    " starts_training, new_rows, probe_digest, policy_digest"
)
VERSIONS = "version, bundle_digest, features_source_digest"
RELEASES = "generation, action, version, previous_version, rollout, reason"
_MILLISECONDS = re.compile(r"\b[\d.]+(?= ms of )")


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
    """Return the content digest of every day of every table, by table; of predictions without where their features are."""
    files = Files.from_settings(settings)
    places = {name: raw_uri(settings, definition.name, name) for name in definition.data.tables}
    places["labels"] = labels_uri(settings, definition.name)
    features = join_uri(settings.tables_uri, definition.name, "features")
    below = {info.uri.removeprefix(features).strip("/").partition("/")[0] for info in files.list(features)}
    places |= {f"features {name}": join_uri(features, name) for name in below}
    found = {name: DayTable(uri, files).partitions() for name, uri in places.items()}
    digests = {name: {str(day): one.digest for day, one in days.items()} for name, days in found.items()}
    return {**digests, "predictions": _predictions(DayTable(predictions_uri(settings, definition.name), files))}


def _predictions(table: DayTable) -> dict[str, str]:
    version = table.version()
    assert version is not None, f"nothing was scored: {table.uri}"
    days = table.partitions(version)
    return {str(day): digest_table(table.read(version, days=[day]).drop_columns([FEATURES_URI, "_digest"])) for day in days}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """One spelling for what PostgreSQL returns as JSON, booleans and moments, and SQLite as text and numbers."""
    return {name: _SPELLINGS[name](value) if name in _SPELLINGS else value for name, value in row.items()}


def _moment(value: object) -> str:
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _listed(value: object) -> object:
    text_of_it = value if isinstance(value, str) else json.dumps(value)
    return json.loads(_without_times(text_of_it))


def _without_times(value: object) -> str:
    return _MILLISECONDS.sub("0", str(value))


_SPELLINGS: dict[str, Callable[[object], object]] = {
    "as_of": _moment,
    "reasons": _listed,
    "alarms": _listed,
    "faulty_days": _listed,
    "reason": _without_times,
    "probed": bool,
    "starts_training": bool,
}
