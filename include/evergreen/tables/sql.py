"""A query in place of landing files: one day, or a whole reference table, as rows under the table's contract."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import LandingError
from evergreen.settings import shown_address
from evergreen.tables.contract import conform, infer_contract
from evergreen.tables.day_table import REFERENCE_DAY
from evergreen.tables.file_formats import json_column
from evergreen.tables.sql_engine import database_errors, open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, TextClause

    from evergreen.definitions.data import ColumnType, SqlSource
    from evergreen.definitions.schedule import Schedule


def query_days(
    source: SqlSource,
    days: Sequence[date],
    contract: Mapping[str, ColumnType],
    *,
    key: Sequence[str],
    moments: Sequence[str],
    schedule: Schedule,
    resolve_connection: Callable[[str], str] | None,
) -> dict[date, pa.Table]:
    """Return the rows of each day in the contract's columns and types, ordered by key and then by every other column.

    A database promises no order; this one makes the same rows the same digest.

    Args:
        source: The query and where to ask it.
        days: Local days to ask for, each with `:start` and `:end`, its midnights as moments in UTC; REFERENCE_DAY asks once
            without them.
        contract: Type by column; empty: inferred from all these days together.
        key: Columns that name a row.
        moments: Columns that are timestamps in any case.
        schedule: Tells where a day begins.
        resolve_connection: Turns a connection id into a SQLAlchemy URL.

    Raises:
        LandingError: The query fails, or its rows break the contract.
        SettingsError: There is no such connection or driver.
        StoreUnavailableError: The database did not answer.
    """
    if not days:
        return {}
    engine = open_engine(source, resolve_connection)
    where = f"query of {shown_address(str(engine.url))}"
    statement = _statement(source, where, dated=list(days) != [REFERENCE_DAY])
    found: dict[date, pa.Table] = {}
    with database_errors(where, partial(_failed, where)):
        try:
            with engine.connect() as connection:
                for day in days:
                    found[day] = _ask(connection, statement, _bounds(day, schedule), f"{where}, {day}")
        finally:
            engine.dispose()
    if not contract:
        contract = infer_contract([(f"{where}, {day}", rows) for day, rows in found.items()], source="sql", moments=moments)
    order = [(name, "ascending") for name in (*key, *(name for name in contract if name not in key))]
    return {day: conform(rows, contract, source="sql", where=f"{where}, {day}").sort_by(order) for day, rows in found.items()}


def _bounds(day: date, schedule: Schedule) -> dict[str, datetime]:
    if day == REFERENCE_DAY:
        return {}
    start, end = (datetime.combine(d, time(), tzinfo=schedule.zone).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    return {"start": start, "end": end}


def _statement(source: SqlSource, where: str, *, dated: bool) -> TextClause:
    from sqlalchemy import DateTime, bindparam, text

    if not dated:
        return text(source.query)
    missing = [name for name in (":start", ":end") if not re.search(rf"(?<!:){name}\b", source.query)]
    if missing:
        raise LandingError(
            f"a query of days has no {' and no '.join(missing)}",
            found=f"{where}: {source.query[:300]}",
            allowed="a query bounded by `:start` (inclusive) and `:end` (exclusive)",
            remedy="add `WHERE <event time> >= :start AND <event time> < :end`",
        )
    moments = (bindparam(name, type_=DateTime(timezone=True)) for name in ("start", "end"))
    return text(source.query).bindparams(*moments)


def _ask(connection: Connection, statement: TextClause, bounds: Mapping[str, datetime], where: str) -> pa.Table:
    answer = connection.execute(statement, dict(bounds))
    names = list(answer.keys())
    if len(set(names)) < len(names):
        raise LandingError(
            "a query names a column twice",
            found=f"{where}: {', '.join(names)}"[:1000],
            allowed="each column once",
            remedy="give the columns of the query names with AS",
        )
    values = list(zip(*answer.fetchall(), strict=True)) or [()] * len(names)
    columns = zip(names, values, strict=True)
    return pa.table({name: json_column(list(column), f"{where}, column {name!r}") for name, column in columns})


def _failed(where: str, text: str) -> LandingError:
    return LandingError(
        "a query fails",
        found=f"{where}: {text}",
        allowed="a query that the database can run",
        remedy="correct `sql.query` of the table",
    )
