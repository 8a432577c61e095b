"""The registry's tables. Every one is append-only, and the database itself refuses to change or delete a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
)

from evergreen.registry.utc_datetime import UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy import Connection

SCHEMA_VERSION = 7
"""2 brought the tables of monitoring, alerts and events; 3 that of online inputs; 4 that of rollouts; 5 the way back; 6 the
attempts to deliver an alert; 7 erasures."""


metadata = MetaData()

schema_versions = Table("evergreen_schema", metadata, Column("version", Integer, primary_key=True))

decisions = Table(
    "evergreen_decisions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("challenger_name", String(64), nullable=False),
    Column("challenger_digest", String(64), nullable=False),
    Column("champion_version", String(32)),
    Column("champion_digest", String(64)),
    Column("holdout_digest", String(64), nullable=False),
    Column("measurement_digest", String(64), nullable=False),
    Column("gate_digest", String(64), nullable=False),
    Column("measurement_uri", Text, nullable=False),
    Column("report_uri", Text, nullable=False),
    Column("mlflow_run_id", String(64), nullable=False),
    Column("rows_needed", Integer),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index("evergreen_decisions_by_model", "model", "recorded_at"),
)

versions = Table(
    "evergreen_versions",
    metadata,
    Column("model", String(63), nullable=False),
    Column("version", String(32), nullable=False),
    Column("bundle_uri", Text, nullable=False),
    Column("bundle_digest", String(64), nullable=False),
    Column("decision_id", String(32), nullable=False),
    Column("mlflow_run_id", String(64), nullable=False),
    Column("trained_through", UtcDateTime, nullable=False),
    Column("features_source_digest", String(64), nullable=False),
    Column("registered_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("model", "version"),
    Index("evergreen_versions_by_decision", "model", "decision_id"),
)

releases = Table(
    "evergreen_releases",
    metadata,
    Column("model", String(63), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("version", String(32), nullable=False),
    Column("previous_version", String(32)),
    Column("decision_id", String(32), nullable=False),
    Column("rollout", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("request_id", String(250)),
    Column("happened_at", UtcDateTime, nullable=False),
    # The compare-and-swap: two writers that saw the same champion write the same generation, and one of them fails.
    PrimaryKeyConstraint("model", "generation"),
    UniqueConstraint("model", "request_id", name="evergreen_releases_one_per_request"),
)

alerts = Table(
    "evergreen_alerts",
    metadata,
    Column("model", String(63), nullable=False),
    Column("incident", String(64), nullable=False),
    Column("target", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("level", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("model", "incident", "target", "sequence"),
)

alert_attempts = Table(
    "evergreen_alert_attempts",
    metadata,
    Column("model", String(63), nullable=False),
    Column("incident", String(64), nullable=False),
    Column("target", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("level", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("link", Text, nullable=False),
    Column("error", String(200)),
    Column("happened_at", UtcDateTime, nullable=False),
    # The claim: of two who would send the same message at once, one fails to write that it begins.
    PrimaryKeyConstraint("model", "incident", "target", "sequence", "attempt", "outcome"),
)

nights = Table(
    "evergreen_nights",
    metadata,
    Column("id", String(32), nullable=False),
    Column("model", String(63), nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("release_version", String(32)),
    Column("bundle_digest", String(64)),
    Column("cause", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("alarms", JSON, nullable=False),
    Column("faulty_days", JSON, nullable=False),
    Column("probed", Boolean, nullable=False),
    Column("starts_training", Boolean, nullable=False),
    Column("rolls_back_to", String(32)),
    Column("new_rows", Integer, nullable=False),
    Column("diagnosis_digest", String(64), nullable=False),
    Column("probe_digest", String(64)),
    Column("probation_digest", String(64)),
    Column("policy_digest", String(64), nullable=False),
    Column("past_digest", String(64), nullable=False),
    Column("evidence_uri", Text, nullable=False),
    Column("report_uri", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    # The compare-and-swap: two writers that saw the same revisions of a night write the same next one, and one of them fails.
    PrimaryKeyConstraint("model", "as_of", "revision"),
    # A decision's id is also the run id of the training it starts.
    UniqueConstraint("id", name="evergreen_nights_one_per_decision"),
)

arrivals = Table(
    "evergreen_arrivals",
    metadata,
    Column("decision_id", String(32), primary_key=True),
    Column("run_id", String(250), nullable=False),
    Column("arrived_at", UtcDateTime, nullable=False),
)

released_days = Table(
    "evergreen_released_days",
    metadata,
    Column("model", String(63), nullable=False),
    Column("day", Date, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("released_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("model", "day"),
)

requests = Table(
    "evergreen_requests",
    metadata,
    # Digest of model, kind and key: a unit of work is asked for once, however often the event comes.
    Column("id", String(32), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(200), nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("params", JSON, nullable=False),
    Column("content_digest", String(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    UniqueConstraint("model", "kind", "key", name="evergreen_requests_one_per_key"),
    Index("evergreen_requests_by_model", "model", "requested_at"),
)

request_starts = Table(
    "evergreen_request_starts",
    metadata,
    Column("request_id", String(32), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
)

refused_events = Table(
    "evergreen_refused_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("source", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("refused_at", UtcDateTime, nullable=False),
    Index("evergreen_refused_events_by_model", "model", "refused_at"),
)

online_versions = Table(
    "evergreen_online_versions",
    metadata,
    Column("model", String(63), nullable=False),
    Column("features_key", String(32), nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("uri", Text, nullable=False),
    Column("digest", String(32), nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    # The compare-and-swap: two writers that saw the same publications of a night write the same next one, and one fails.
    PrimaryKeyConstraint("model", "features_key", "as_of", "revision"),
)

rollouts = Table(
    "evergreen_rollouts",
    metadata,
    Column("model", String(63), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("rollout_id", String(32), nullable=False),
    Column("action", String(16), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("version", String(32), nullable=False),
    Column("champion_version", String(32), nullable=False),
    Column("step", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("share", Float, nullable=False),
    Column("key", JSON, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("evidence_uri", Text, nullable=False),
    Column("evidence_digest", String(64), nullable=False),
    # Names the run too, whose id may be longer than any limit here; the sweep asks for that run.
    Column("actor", Text, nullable=False),
    Column("request_id", String(250)),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    # The compare-and-swap: two writers that saw the same state of a model's rollout write the same next event, and one fails.
    PrimaryKeyConstraint("model", "sequence"),
    UniqueConstraint("model", "request_id", name="evergreen_rollouts_one_per_request"),
    Index("evergreen_rollouts_by_id", "model", "rollout_id"),
)

erasures = Table(
    "evergreen_erasures",
    metadata,
    # Digest of model, columns and keyed hashes: the same person is erased under one id, however often it is asked for.
    Column("id", String(32), primary_key=True),
    Column("model", String(63), nullable=False),
    Column("columns", JSON, nullable=False),
    Column("hashes", JSON, nullable=False),
    Column("hash_key_id", String(32), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Index("evergreen_erasures_by_model", "model", "begun_at"),
)

erased_keys = Table(
    "evergreen_erased_keys",
    metadata,
    Column("erasure_id", String(32), nullable=False),
    Column("hash", String(64), nullable=False),
    PrimaryKeyConstraint("erasure_id", "hash"),
)

erasure_steps = Table(
    "evergreen_erasure_steps",
    metadata,
    Column("erasure_id", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("places", JSON, nullable=False),
    Column("lost", JSON, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("erasure_id", "sequence"),
)

APPEND_ONLY = (
    decisions,
    versions,
    releases,
    alerts,
    alert_attempts,
    nights,
    arrivals,
    released_days,
    requests,
    request_starts,
    refused_events,
    online_versions,
    rollouts,
    erasures,
    erased_keys,
    erasure_steps,
)


def stored_version(connection: Connection) -> int | None:
    """Return the schema's version as the database has it, None before the tables were made."""
    if not inspect(connection).has_table(schema_versions.name):
        return None
    return connection.execute(select(schema_versions.c.version)).scalar_one_or_none()


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables and guards that the database lacks and, last, note the version; the caller holds the lock and commits.

    A database of a later version is left as it is.
    """
    present = stored_version(connection)
    if present is not None and present >= SCHEMA_VERSION:
        return
    metadata.create_all(connection)
    _add_missing_columns(connection)
    guard = {"sqlite": _guard_sqlite, "postgresql": _guard_postgresql}[connection.dialect.name]
    guard(connection)
    note = schema_versions.insert() if present is None else schema_versions.update()
    connection.execute(note.values(version=SCHEMA_VERSION))


def _add_missing_columns(connection: Connection) -> None:
    """Give the tables of an earlier version the columns that came since; rows of then have no value there."""
    quote = connection.dialect.identifier_preparer.quote
    for table in metadata.sorted_tables:
        present = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(column.name)} {kind}"))


def _guard_sqlite(connection: Connection) -> None:
    for table in APPEND_ONLY:
        # INSERT OR REPLACE deletes without waking a trigger on DELETE, whichever of the keys is taken.
        taken = f"INSERT ON {table.name} WHEN EXISTS (SELECT 1 FROM {table.name} WHERE {_same_key(table)})"
        for name, event in (("update", f"UPDATE ON {table.name}"), ("delete", f"DELETE ON {table.name}"), ("replace", taken)):
            trigger = f"{table.name}_no_{name}"
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
            connection.execute(
                text(f"CREATE TRIGGER {trigger} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END")
            )


def _same_key(table: Table) -> str:
    """Return the condition that a row with one of the new row's keys is there."""
    keys = [table.primary_key, *(key for key in table.constraints if isinstance(key, UniqueConstraint))]
    return " OR ".join("(" + " AND ".join(f"{column.name} = NEW.{column.name}" for column in key) + ")" for key in keys)


def _guard_postgresql(connection: Connection) -> None:
    connection.execute(
        text(
            "CREATE OR REPLACE FUNCTION evergreen_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
        )
    )
    for table in APPEND_ONLY:
        connection.execute(
            text(
                f"CREATE OR REPLACE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
                "FOR EACH STATEMENT EXECUTE FUNCTION evergreen_refuse_change()"
            )
        )
