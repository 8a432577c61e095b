"""What the sections of a definition must agree on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.definitions.between_tables import unknown_column, unknown_table
from evergreen.definitions.problems import Mistake
from evergreen.definitions.words import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions.model import ModelDefinition
    from evergreen.definitions.problems import Path
    from evergreen.definitions.validation import TableValidation

_COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")
"""How Great Expectations calls the columns an expectation is about."""


def between_sections(definition: ModelDefinition) -> Iterator[Mistake]:
    """Yield every disagreement between sections."""
    for name, rules in definition.validation.tables.items():
        yield from unknown_table(name, definition.data.tables, ("validation", "tables", name), rests_on=("data", "tables"))
        table = definition.data.tables.get(name)
        if table is not None and table.columns:
            yield from _columns_exist(rules, frozenset(table.columns), name)
    yield from _history_suffices(definition)
    yield from _landing_can_be_seen(definition)
    yield from _personal_fields_exist(definition)
    yield from _answers_can_be_joined(definition)
    yield from _callers_can_be_told_apart(definition)


def _columns_exist(rules: TableValidation, columns: frozenset[str], table: str) -> Iterator[Mistake]:
    here: Path = ("validation", "tables", table)
    named: list[tuple[Path, object]] = [((*here, "max_null_share", column), column) for column in rules.max_null_share]
    named += [((*here, "novelty", "ignore", index), column) for index, column in enumerate(rules.novelty.ignore)]
    for index, expectation in enumerate(rules.expectations):
        for argument in _COLUMN_ARGUMENTS:
            at = (*here, "expectations", index, "arguments", argument)
            value = expectation.arguments.get(argument)
            if isinstance(value, list):
                named += [((*at, place), column) for place, column in enumerate(value)]
            elif value is not None:
                named.append((at, value))
    for at, column in named:
        yield from unknown_column(str(column), sorted(columns), at, rests_on=("data", "tables", table, "columns"))


def _history_suffices(definition: ModelDefinition) -> Iterator[Mistake]:
    """A data set that has ended must be long enough for the holdout, the folds and something to learn from."""
    data, search, holdout = definition.data, definition.training.search, definition.gate.holdout
    if data.last_day is None or data.last_day < data.first_day:
        return
    history = data.last_day - data.first_day + timedelta(days=1)
    needed = holdout + search.folds * search.fold
    if history <= needed:
        folds = f"{search.folds} folds of {format_duration(search.fold)}"
        yield Mistake(
            ("gate", "holdout"),
            "the history is used up by the holdout and the folds",
            f"{format_duration(history)} of history, a holdout of {format_duration(holdout)} and {folds}",
            f"more history than {format_duration(needed)}",
            rests_on=(
                ("data", "first_day"),
                ("data", "last_day"),
                ("training", "search", "folds"),
                ("training", "search", "fold"),
            ),
        )


def _landing_can_be_seen(definition: ModelDefinition) -> Iterator[Mistake]:
    """What starts work when it lands must be a table of daily files."""
    tables = definition.data.tables
    for index, rule in enumerate(definition.events.landing if definition.events else ()):
        at: Path = ("events", "landing", index)
        named: list[tuple[Path, str]] = [((*at, "tables", place), name) for place, name in enumerate(rule.tables)]
        if not named:
            named = [((*at, "starts"), definition.data.rows if rule.starts == "scoring" else definition.data.label.table)]
        for path, name in named:
            yield from unknown_table(name, tables, path, rests_on=("data", "tables"))
            if name in tables and "{day}" not in (tables[name].files or ""):
                yield Mistake(
                    path,
                    f"nobody can see a day of {name!r} land",
                    "a query" if tables[name].sql else "files without `{day}`",
                    "a table whose `files` hold `{day}`; name another one in `tables`, or no rule in `landing`",
                    rests_on=(("data", "tables", name, "files"), ("data", "tables", name, "sql")),
                )


def _personal_fields_exist(definition: ModelDefinition) -> Iterator[Mistake]:
    """What is personal must be a field of the rows; a key that was dropped could never be joined with what came true."""
    rows = definition.data.tables.get(definition.data.rows)
    if rows is None:
        return
    personal, here = definition.serving.personal, ("serving", "personal")
    declared: Path = ("data", "tables", definition.data.rows, "columns")
    named: list[tuple[Path, str]] = [((*here, "drop", place), column) for place, column in enumerate(personal.drop)]
    named += [((*here, "hash", place), column) for place, column in enumerate(personal.hash)]
    for at, column in named if rows.columns else ():
        yield from unknown_column(column, sorted(rows.columns), at, rests_on=declared)
    for at, column in named:
        if column in rows.key and at[2] == "drop":
            yield Mistake(
                at,
                "a row without its key can never be joined with what came true",
                f"{column!r}, a key of {definition.data.rows!r}",
                "keys under `hash`",
                rests_on=(("data", "tables", definition.data.rows, "key"),),
            )


def _answers_can_be_joined(definition: ModelDefinition) -> Iterator[Mistake]:
    """The gateway's answers are joined with labels by their key, which must be kept as it is."""
    rows, answers = definition.data.tables.get(definition.data.rows), definition.monitoring.answers
    hashed = [column for column in rows.key if column in definition.serving.personal.hash] if rows else []
    if hashed and answers != "batch":
        yield Mistake(
            ("monitoring", "answers"),
            "the gateway's answers cannot be joined with what came true, because their key is kept as a hash",
            f"`{answers}`, and key {hashed[0]!r} under `serving.personal.hash`",
            "`batch`",
            rests_on=(("serving", "personal", "hash"),),
        )


def _callers_can_be_told_apart(definition: ModelDefinition) -> Iterator[Mistake]:
    """What decides who is asked in a rollout must be a field of every request."""
    rows = definition.data.tables.get(definition.data.rows)
    if rows is None or not rows.columns:
        return
    for place, column in enumerate(definition.release.trial.key):
        here: Path = ("release", "trial", "key", place)
        yield from unknown_column(
            column, sorted(rows.columns), here, rests_on=("data", "tables", definition.data.rows, "columns")
        )
