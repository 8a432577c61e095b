"""What the tables, the rows to predict and the label must agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions.problems import Mistake, nearest, one_of, spell
from evergreen.definitions.words import format_duration as _words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from evergreen.definitions.data import Data, Table
    from evergreen.definitions.problems import Path


def between_tables(data: Data) -> Iterator[Mistake]:
    """Yield what the tables, the rows to predict and the label have against each other."""
    if data.last_day is not None and data.last_day < data.first_day:
        yield Mistake(
            ("last_day",),
            "the history ends before it begins",
            f"`{data.last_day}`",
            f"{data.first_day} or later",
            rests_on=(("first_day",),),
        )
    references: tuple[tuple[Path, str], ...] = ((("rows",), data.rows), (("label", "table"), data.label.table))
    for at, named in references:
        yield from unknown_table(named, data.tables, at)
    rows, label = data.tables.get(data.rows), data.tables.get(data.label.table)
    if rows is not None:
        yield from _rows_mistakes(data, rows)
        for name, table in data.tables.items():
            yield from _join_mistakes(data, rows, name, table)
    if label is not None:
        yield from _label_mistakes(data, label)
    if rows is not None and label is not None and label.key != rows.key:
        yield Mistake(
            ("tables", data.label.table, "key"),
            f"labels of {data.label.table!r} cannot find their rows in {data.rows!r}",
            spell(", ".join(label.key)),
            f"the key of {data.rows!r}: {', '.join(rows.key)}",
            rests_on=(("rows",), ("label", "table"), ("tables", data.rows, "key")),
        )


def _rows_mistakes(data: Data, rows: Table) -> Iterator[Mistake]:
    here = ("tables", data.rows)
    if rows.is_reference:
        yield Mistake(
            here,
            f"{data.rows!r} holds the rows to predict and tells no time",
            "no `event_time`",
            "an `event_time` column",
            rests_on=(("rows",), (*here, "event_time")),
        )
    if rows.join is not None:
        yield Mistake(
            (*here, "join"),
            f"{data.rows!r} holds the rows to predict",
            "`join`",
            "`join` in other tables",
            rests_on=(("rows",),),
        )
    if rows.available_at is None and rows.available_after > -data.predict_before:
        found = f"known {_words(rows.available_after)} after its event time, predicted {_words(data.predict_before)} before it"
        yield Mistake(
            (*here, "available_after"),
            f"a row of {data.rows!r} is predicted before it is known",
            found,
            f"at most {_words(-data.predict_before)}",
            rests_on=(("rows",), ("predict_before",), (*here, "available_at")),
        )


def _label_mistakes(data: Data, label: Table) -> Iterator[Mistake]:
    name = data.label.table
    here = ("tables", name)
    if name == data.rows:
        yield Mistake(
            ("label", "table"),
            "the answers stand in the rows to predict",
            spell(name),
            "another table than `rows`",
            hint="declare the same files twice: once as the rows, with the columns known ahead, once as the labels",
            rests_on=(("rows",),),
        )
    if label.is_reference:
        yield Mistake(
            here,
            f"{name!r} holds the labels and tells no time",
            "no `event_time`",
            "an `event_time` column",
            rests_on=(("label", "table"), (*here, "event_time")),
        )
    if label.join is not None and name != data.rows:
        yield Mistake(
            (*here, "join"),
            "joining the labels would hand the answer to the features",
            "`join`",
            "`join` in other tables; past answers reach the features through `entity_features`",
            rests_on=(("label", "table"),),
        )
    if label.columns:
        about = ("tables", name, "columns")
        yield from unknown_column(data.label.column, label.columns, ("label", "column"), rests_on=about)
        kind = label.columns.get(data.label.column, "number")
        if data.label.above is not None and kind not in ("number", "integer"):
            yield Mistake(
                ("label", "above"),
                f"column {data.label.column!r} is no number",
                spell(kind),
                "`equals`, or a column of numbers",
                rests_on=(("label", "table"), ("label", "column"), about),
            )


def _join_mistakes(data: Data, rows: Table, name: str, table: Table) -> Iterator[Mistake]:
    if table.join is None or name == data.rows:
        return
    here: Path = ("tables", name, "join")
    about = ("tables", data.rows, "columns")
    if rows.columns:
        for index, column in enumerate(table.join.by):
            yield from unknown_column(column, rows.columns, (*here, "by", index), rests_on=about)
    added = {f"{table.join.prefix}{column}" for column in table.columns if column not in table.join.by}
    clashes = sorted(added & set(rows.columns))
    if clashes:
        yield Mistake(
            here,
            f"joined columns clash with those of {data.rows!r}",
            spell(", ".join(clashes)),
            "names of their own",
            hint=f"set `prefix: {name}_`",
            rests_on=(about, ("tables", name, "columns")),
        )


def unknown_table(table: str, tables: Collection[str], at: Path, *, rests_on: Path = ("tables",)) -> Iterator[Mistake]:
    """Yield the mistake of naming a table that is not there."""
    if table not in tables:
        yield Mistake(at, "no such table", spell(table), one_of(tables), nearest(table, tables), (rests_on,))


def unknown_column(column: str, columns: Collection[str], at: Path, *, rests_on: Path) -> Iterator[Mistake]:
    """Yield the mistake of naming a column that is not declared; `rests_on` is the path of `columns`."""
    if column not in columns:
        yield Mistake(at, "no such column", spell(column), one_of(columns), nearest(column, columns), (rests_on,))
