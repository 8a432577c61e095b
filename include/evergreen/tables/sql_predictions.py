"""What was said last of a day, as rows of a database: for programs that read no lake."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from evergreen.errors import DataError
from evergreen.settings import shown_address
from evergreen.tables.sql_engine import database_errors, open_engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import pyarrow as pa
    from sqlalchemy import Table

    from evergreen.definitions.scoring import SqlTarget


def write_predictions(
    target: SqlTarget, model: str, day: date, answers: pa.Table, resolve_connection: Callable[[str], str] | None
) -> str:
    """Put a day's answers in place of what the table held of that model and day, in one transaction.

    The table is made where it is missing: `model`, `day`, `key`, `event_time`, `probability`, `decision`, `release_version`,
    `bundle_digest`, `as_of`; its key is the first three. Written again, it holds the same rows.

    Args:
        target: The table.
        model: Name of the model.
        day: The local day.
        answers: Rows of the table `predictions`: those said last.
        resolve_connection: Turns a connection id into a SQLAlchemy URL; none outside Airflow.

    Returns:
        Where they are, without a password.

    Raises:
        DataError: The database refuses the rows, such as a table of that name with other columns.
        SettingsError: There is no such connection or driver.
        StoreUnavailableError: The database did not answer.
    """
    engine = open_engine(target, resolve_connection)
    where = f"{shown_address(str(engine.url))}, table {target.table}"
    table = _table(target.table)
    rows = [{"model": model, "day": day, **row} for row in _rows(answers)]
    with database_errors(where, partial(_refused, where)):
        try:
            table.metadata.create_all(engine)
            with engine.begin() as connection:
                connection.execute(table.delete().where((table.c.model == model) & (table.c.day == day)))
                if rows:
                    connection.execute(table.insert(), rows)
        finally:
            engine.dispose()
    return where


def _table(name: str) -> Table:
    from sqlalchemy import Boolean, Column, Date, DateTime, Float, MetaData, String, Table

    schema, _, short = name.rpartition(".")
    moment = DateTime(timezone=True)
    return Table(
        short,
        MetaData(),
        Column("model", String(63), primary_key=True),
        Column("day", Date, primary_key=True),
        Column("key", String(500), primary_key=True),
        Column("event_time", moment, nullable=False),
        Column("probability", Float(53), nullable=False),
        Column("decision", Boolean, nullable=False),
        Column("release_version", String(32), nullable=False),
        Column("bundle_digest", String(64), nullable=False),
        Column("as_of", moment, nullable=False),
        schema=schema or None,
    )


def _rows(answers: pa.Table) -> list[dict[str, Any]]:
    names = {"_key": "key", "_event_time": "event_time"}
    same = ("probability", "decision", "release_version", "bundle_digest", "as_of")
    wanted = answers.select([*names, *same]).rename_columns([*names.values(), *same])
    found: list[dict[str, Any]] = wanted.to_pylist()
    return found


def _refused(where: str, text: str) -> DataError:
    return DataError(
        "a database refuses the predictions",
        found=f"{where}: {text}",
        allowed="a table with the columns that docs/concepts/score.md lists, or none of that name",
        remedy="name another table in `scoring.sql`, or alter this one; then run the day's scoring again",
    )
