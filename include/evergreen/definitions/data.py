"""Section `data`: tables, keys, time and the label."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evergreen.definitions.between_tables import between_tables, unknown_column
from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.sql_address import SqlAddress, exactly_one
from evergreen.definitions.words import AnyDuration, Column, Delay, Duration, Name, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions.problems import Path

ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]


class Join(Section):
    """How a table's columns reach the rows to predict: the latest row available at the moment of prediction."""

    by: tuple[Column, ...] = Field(min_length=1)
    """Columns that both sides share."""
    prefix: str = ""
    """Put before the joined column names; default none. A clash of names is an error."""
    within: Duration | None = None
    """Oldest joined row, by event time before the prediction; older ones count as missing. Default: no limit."""


class SqlSource(SqlAddress):
    """A query in place of files. Its parameters are `:start` and `:end`, the moments that bound one day."""

    query: str
    """SQL text."""
    recheck: Delay = timedelta(days=7)
    """How far back a night queries again for corrected rows."""


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
    available_after: AnyDuration = timedelta(0)
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

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what does not fit together within one table."""
        yield from exactly_one(self, "files", "sql")
        if self.files is not None:
            yield from self._files_mistakes(self.files)
        yield from _repeated(self.key, ("key",))
        if self.columns:
            yield from self._column_mistakes()
        for name in ("available_at", "join") if self.is_reference else ():
            if name == "available_at" and self.available_at:
                yield Mistake(
                    ("available_at",),
                    "a reference table is always readable",
                    f"`available_at: {self.available_at}`",
                    "`available_at` beside an `event_time`",
                    rests_on=(("event_time",),),
                )
        if self.join and self.is_reference and self.join.within:
            yield Mistake(
                ("join", "within"),
                "rows of a reference table have no age",
                "`within` without an `event_time`",
                "`within` for a table with `event_time`",
                rests_on=(("event_time",),),
            )

    def _files_mistakes(self, files: str) -> Iterator[Mistake]:
        at: Path = ("files",)
        if not files.endswith((".parquet", ".csv", ".jsonl")):
            yield Mistake(at, "an unknown file format", spell(files), "a path that ends in .parquet, .csv or .jsonl")
        if files.startswith("/") or ".." in files.split("/") or "://" in files:
            yield Mistake(at, "a path that leaves the model's landing folder", spell(files), "a path below it")
        unknown = [word for word in re.findall(r"\{[^}]*\}?", files) if word != "{day}"]
        if unknown:
            yield Mistake(at, "an unknown placeholder", spell(unknown[0]), "`{day}`", "did you mean `{day}`?")
        elif ("{day}" in files) == self.is_reference:
            found = "`{day}` without `event_time`" if self.is_reference else "`event_time`, and no `{day}`"
            allowed = "both `event_time` and `{day}` in `files`, or, for a reference table, neither"
            yield Mistake(at, "days of files and event times belong together", found, allowed, rests_on=(("event_time",),))

    def _column_mistakes(self) -> Iterator[Mistake]:
        named: list[tuple[Path, str]] = [(("key", index), column) for index, column in enumerate(self.key)]
        moments = [(field, getattr(self, field)) for field in ("event_time", "available_at")]
        named += [((field,), column) for field, column in moments if column]
        named += [(("join", "by", index), column) for index, column in enumerate(self.join.by if self.join else ())]
        for at, column in named:
            yield from unknown_column(column, self.columns, at, rests_on=("columns",))
        for field, column in moments:
            kind = self.columns.get(column or "", "timestamp")
            if kind != "timestamp":
                yield Mistake(
                    ("columns", column),
                    f"the column of `{field}` is no timestamp",
                    spell(kind),
                    "`timestamp`",
                    rests_on=((field,),),
                )


class Label(Section):
    """What is to be predicted: yes or no."""

    table: Name
    """The table that holds the answers; not the one whose rows are predicted."""
    column: Column
    """The column that holds the answer."""
    above: float | None = None
    """The answer is yes when the column is greater than this."""
    equals: str | int | bool | None = None
    """The answer is yes when the column has this value. A missing value is no label at all."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a missing or doubled rule."""
        yield from exactly_one(self, "above", "equals")


class Data(Section):
    """Tables, keys, time and the label."""

    rows: Name
    """The table whose rows are predicted."""
    first_day: date
    """First day of the history."""
    last_day: date | None = None
    """Last day of the history, for a data set that has ended; no night is scheduled after it."""
    predict_before: Delay = timedelta(0)
    """How long before its event time a row is predicted; nothing later may be read for it."""
    label: Label
    """What is to be predicted."""
    tables: dict[Name, Table] = Field(min_length=1)
    """Every raw table, by name; `features.py` sees them all."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what the tables, the rows to predict and the label have against each other."""
        yield from between_tables(self)


def _repeated(columns: tuple[str, ...], at: tuple[str | int, ...]) -> Iterator[Mistake]:
    for index, column in enumerate(columns):
        if column in columns[:index]:
            yield Mistake((*at, index), "a column is named twice", spell(column), "each column once")
