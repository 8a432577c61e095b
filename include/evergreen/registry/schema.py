"""The registry's tables. Every one is append-only, and the database itself refuses to change or delete a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    inspect,
    select,
    text,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect

SCHEMA_VERSION = 1


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime; SQLite, which knows no time zones, keeps it in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn the value to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the value its time zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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

APPEND_ONLY = (decisions, versions, releases, alerts)


def stored_version(connection: Connection) -> int | None:
    """Return the schema's version as the database has it, None before the tables were made."""
    if not inspect(connection).has_table(schema_versions.name):
        return None
    return connection.execute(select(schema_versions.c.version)).scalar_one_or_none()


def create_tables(connection: Connection) -> None:
    """Make the tables, their guards and, last, the version; the caller holds the lock and commits."""
    metadata.create_all(connection)
    guard = {"sqlite": _guard_sqlite, "postgresql": _guard_postgresql}[connection.dialect.name]
    guard(connection)
    connection.execute(schema_versions.insert().values(version=SCHEMA_VERSION))


def _guard_sqlite(connection: Connection) -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            connection.execute(
                text(
                    f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
                    f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
                )
            )
        # INSERT OR REPLACE deletes without waking the trigger above.
        same = " AND ".join(f"{column.name} = NEW.{column.name}" for column in table.primary_key)
        connection.execute(
            text(
                f"CREATE TRIGGER {table.name}_no_replace BEFORE INSERT ON {table.name} "
                f"WHEN EXISTS (SELECT 1 FROM {table.name} WHERE {same}) "
                f"BEGIN SELECT RAISE(ABORT, '{table.name} is append-only'); END"
            )
        )


def _guard_postgresql(connection: Connection) -> None:
    connection.execute(
        text(
            "CREATE FUNCTION evergreen_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
        )
    )
    for table in APPEND_ONLY:
        connection.execute(
            text(
                f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
                "FOR EACH STATEMENT EXECUTE FUNCTION evergreen_refuse_change()"
            )
        )
