"""Judge a table's expectations: rows in one batch, everything else day by day; and say which rows failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.stages.validate.expectations import judges, points_at_rows
from evergreen.stages.validate.masks import failing_mask, has_own_mask
from evergreen.stages.validate.measurement import RowExample, RuleMeasurement
from evergreen.stages.validate.wording import allowed_by, observed_text, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd
    from numpy.typing import NDArray

    from evergreen.definitions.validation import Expectation
    from evergreen.stages.validate.expectations import Answer, GreatExpectations

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Ruling:
    """A rule's measurement with the rows that broke it."""

    rule: RuleMeasurement
    failing: NDArray[np.bool_]
    """Array of shape (n_rows,)."""


def judge_rows(
    engine: GreatExpectations, frame: pd.DataFrame, expectations: Sequence[Expectation], key: Sequence[str]
) -> list[Ruling]:
    """Judge the expectations about single rows, all days in one batch.

    Args:
        engine: Great Expectations.
        frame: Rows with `_day` and `_row_id`, index 0 to n_rows - 1.
        expectations: Those of a table; the ones about days are passed over.
        key: Columns that name a row, for the examples.
    """
    chosen = [item for item in expectations if judges(item) == "row"]
    if frame.empty or not chosen:
        return []
    rulings: dict[int, Ruling] = {}
    for own in (True, False):
        group = [(i, item) for i, item in enumerate(chosen) if has_own_mask(item.expect, item.arguments) == own]
        answers = engine.judge(frame, [item for _, item in group], list_rows=not own) if group else []
        for (position, item), answer in zip(group, answers, strict=True):
            rulings[position] = _rule_rows(item, answer, frame, key)
    return [rulings[position] for position in sorted(rulings)]


def judge_days(
    engine: GreatExpectations,
    frame: pd.DataFrame,
    days: Mapping[date, NDArray[np.intp]],
    expectations: Sequence[Expectation],
    key: Sequence[str],
) -> list[Ruling]:
    """Judge the expectations about columns and tables, one batch per day.

    Args:
        engine: Great Expectations.
        frame: Rows with `_day` and `_row_id`, index 0 to n_rows - 1.
        days: Positions of the rows to judge by day; a day without rows is not judged.
        expectations: Those of a table; the ones about single rows are passed over.
        key: Columns that name a row, for the examples.
    """
    chosen = [item for item in expectations if judges(item) == "day"]
    if not chosen:
        return []
    listed = any(points_at_rows(item) for item in chosen)
    answers: dict[date, list[Answer]] = {}
    for day, positions in days.items():
        if len(positions):
            answers[day] = engine.judge(frame.iloc[positions], chosen, list_rows=listed)
    by_expectation = [{day: row[i] for day, row in answers.items()} for i in range(len(chosen))]
    return [_rule_days(item, by_day, frame, key) for item, by_day in zip(chosen, by_expectation, strict=True)]


def examples_of(frame: pd.DataFrame, failing: NDArray[np.bool_], key: Sequence[str], target: str) -> tuple[RowExample, ...]:
    """Show the first failing rows: id, day, key and the values in question."""
    shown = frame[failing].head(MAX_EXAMPLES)
    columns = [column for column in target.split(", ") if column in frame.columns]
    return tuple(
        RowExample(
            row_id=str(row["_row_id"]),
            day=row["_day"],
            key=", ".join(_said(row[column]) for column in key),
            value=", ".join(_said(row[column]) for column in columns),
        )
        for _, row in shown.iterrows()
    )


def _said(value: Any) -> str:
    missing = value is None or value != value  # NaN and NaT are not equal to themselves
    return "missing" if missing else str(value)


def _rule_rows(expectation: Expectation, answer: Answer, frame: pd.DataFrame, key: Sequence[str]) -> Ruling:
    failing, error = _failing_rows(expectation, answer, frame)
    target = target_of(expectation)
    days = frame["_day"][failing].value_counts().sort_index()
    rule = RuleMeasurement(
        name=expectation.expect,
        target=target,
        severity=expectation.severity,
        allowed=allowed_by(expectation),
        by="row",
        judged=len(frame),
        failing_rows=int(failing.sum()),
        failing_days={day: f"{n} rows" for day, n in days.items()},
        examples=examples_of(frame, failing, key, target),
        error=error,
    )
    return Ruling(rule, failing)


def _failing_rows(expectation: Expectation, answer: Answer, frame: pd.DataFrame) -> tuple[NDArray[np.bool_], str]:
    nothing = np.zeros(len(frame), dtype=np.bool_)
    if answer.error:
        return nothing, answer.error
    own = failing_mask(expectation.expect, expectation.arguments, frame)
    failing = own if own is not None else nothing.copy()
    if own is None and answer.rows is not None:
        failing[list(answer.rows)] = True
    if int(failing.sum()) != answer.unexpected_rows or (answer.unexpected_rows > 0) == answer.success:
        return nothing, (
            f"Great Expectations counts {answer.unexpected_rows} failing rows, their list has {int(failing.sum())}: "
            "the rows cannot be told apart safely"
        )
    return failing, ""


def _rule_days(expectation: Expectation, answers: Mapping[date, Answer], frame: pd.DataFrame, key: Sequence[str]) -> Ruling:
    failed = {day: answer for day, answer in answers.items() if not answer.success}
    errors = [answer.error for answer in failed.values() if answer.error]
    failing = np.zeros(len(frame), dtype=np.bool_)
    for day, answer in failed.items():
        if expectation.severity == "quarantine" and not answer.error:
            if answer.rows is None or len(set(answer.rows)) != answer.unexpected_rows:
                errors.append(f"Great Expectations did not list the failing rows of {day}")
                continue
            failing[list(answer.rows)] = True
    target = target_of(expectation)
    rule = RuleMeasurement(
        name=expectation.expect,
        target=target,
        severity=expectation.severity,
        allowed=allowed_by(expectation),
        by="day",
        judged=len(answers),
        failing_rows=sum(answer.unexpected_rows for answer in failed.values()),
        failing_days={day: _found(answer) for day, answer in failed.items()},
        examples=examples_of(frame, failing, key, target),
        error=errors[0] if errors else "",
    )
    return Ruling(rule, failing)


def _found(answer: Answer) -> str:
    if answer.error:
        return "could not be judged"
    return f"{answer.unexpected_rows} rows" if answer.unexpected_rows else observed_text(answer.observed)
