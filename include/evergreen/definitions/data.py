"""Section `data`: tables, keys, time and the label."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from evergreen.definitions.words import Column, Duration, Name, Section

ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]


class Join(Section):
    """How a table's columns reach the rows to predict: the latest row available at the moment of prediction."""

    by: tuple[Column, ...] = Field(min_length=1)
    """Columns that both sides share."""
    prefix: str = ""
    """Put before the joined column names; default none. A clash of names is an error."""
    within: Duration | None = None
    """Oldest joined row, by event time before the prediction; older ones count as missing. Default: no limit."""


class SqlSource(Section):
    """A query in place of files. Its parameters are `:start` and `:end`, the moments that bound one day."""

    query: str
    url: str | None = None
    """SQLAlchemy URL, without a password: put that in the environment or use `connection`."""
    connection: str | None = None
    """Airflow connection id."""
    recheck: Duration = timedelta(days=7)
    """How far back a night queries again for corrected rows."""

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.connection is None):
            msg = "give exactly one of `url` and `connection`"
            raise ValueError(msg)
        return self


class Table(Section):
    """One raw source table."""

    files: str | None = None
    """Landing path below the model's landing folder; `{day}` stands for 2013-01-31 and `*` for anything.
    Without `{day}` it is a reference table, read whole. The ending tells the format: .parquet, .csv or .jsonl."""
    sql: SqlSource | None = None
    """A query instead of files."""
    key: tuple[Column, ...] = Field(min_length=1)
    """Columns that name one row."""
    event_time: Column | None = None
    """Timestamp (UTC) of what the row tells; none for a reference table."""
    available_after: Duration = timedelta(0)
    """When a row may be read, counted from its event time; negative for what is known ahead."""
    available_at: Column | None = None
    """Timestamp column that says when a row became available; takes the place of `available_after`."""
    columns: dict[Column, ColumnType] = Field(default_factory=dict)
    """Contract: columns and types. Empty: the first snapshot's columns are the contract."""
    join: Join | None = None
    """Join this table onto the rows to predict."""

    @property
    def is_reference(self) -> bool:
        """True for a table without days."""
        return self.event_time is None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.files is None) == (self.sql is None):
            msg = "give exactly one of `files` and `sql`"
            raise ValueError(msg)
        if self.files is not None:
            if not self.files.endswith((".parquet", ".csv", ".jsonl")):
                msg = "`files` must end in .parquet, .csv or .jsonl"
                raise ValueError(msg)
            if self.files.startswith("/") or ".." in self.files.split("/"):
                msg = "`files` must stay below the model's landing folder"
                raise ValueError(msg)
            if ("{day}" in self.files) == self.is_reference:
                msg = "a table with `event_time` needs `{day}` in `files`, and a reference table must not have it"
                raise ValueError(msg)
        if self.columns:
            named = [*self.key, *(c for c in (self.event_time, self.available_at) if c)]
            missing = [c for c in named if c not in self.columns]
            if missing:
                msg = f"`columns` leaves out {', '.join(missing)}"
                raise ValueError(msg)
        return self


class Label(Section):
    """What is to be predicted: yes or no."""

    table: Name
    column: Column
    above: float | None = None
    """The answer is yes when the column is greater than this."""
    equals: str | int | bool | None = None
    """The answer is yes when the column has this value. A missing value is no label at all."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.above is None) == (self.equals is None):
            msg = "give exactly one of `above` and `equals`"
            raise ValueError(msg)
        return self


class Data(Section):
    """Tables, keys, time and the label."""

    rows: Name
    """The table whose rows are predicted."""
    first_day: date
    """First day of the history."""
    last_day: date | None = None
    """Last day of the history, for a data set that has ended; no night is scheduled after it."""
    predict_before: Duration = timedelta(0)
    """How long before its event time a row is predicted; nothing later may be read for it."""
    label: Label
    tables: dict[Name, Table] = Field(min_length=1)

    @model_validator(mode="after")
    def _references(self) -> Self:
        for field, table in (("rows", self.rows), ("label.table", self.label.table)):
            if table not in self.tables:
                msg = f"`{field}` names table {table!r}, which is not in `tables` ({', '.join(self.tables)})"
                raise ValueError(msg)
        rows, label = self.tables[self.rows], self.tables[self.label.table]
        if rows.is_reference:
            msg = f"table {self.rows!r} holds the rows to predict and needs an `event_time`"
            raise ValueError(msg)
        if rows.join is not None:
            msg = f"table {self.rows!r} holds the rows to predict and cannot be joined onto itself"
            raise ValueError(msg)
        if label.key != rows.key:
            msg = f"tables {self.rows!r} and {self.label.table!r} must have the same `key`, so that labels find their rows"
            raise ValueError(msg)
        if label.is_reference:
            msg = f"table {self.label.table!r} holds the labels and needs an `event_time`"
            raise ValueError(msg)
        return self
