"""Great Expectations, held by one small handle: rows and expectations in, plain answers out."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from evergreen.definitions.validation import Expectation

_NOT_ROW_BY_ROW = {
    "ExpectColumnValuesToBeUnique",
    "ExpectColumnValuesToBeIncreasing",
    "ExpectColumnValuesToBeDecreasing",
    "ExpectColumnValueZScoresToBeLessThan",
    "ExpectColumnValuesToNotBeOutliers",
    "ExpectCompoundColumnsToBeUnique",
    "ExpectMulticolumnValuesToBeUnique",
}
"""These point at rows, but judge each row by the others: they are run day by day, so that a night's answer does not depend
on how many days it has to catch up with."""


@dataclass(frozen=True)
class Answer:
    """What Great Expectations said about one expectation and one batch."""

    success: bool
    unexpected_rows: int = 0
    observed: object = None
    rows: tuple[int, ...] | None = None
    """Index labels of the failing rows, where they were asked for and given."""
    error: str = ""
    """Why it could not be judged."""


class GreatExpectations:
    """One ephemeral context: nothing is written, nothing is sent, nothing is drawn on the terminal."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        self._batches = asset.add_batch_definition_whole_dataframe("rows")

    def judge(self, frame: pd.DataFrame, expectations: Sequence[Expectation], *, list_rows: bool) -> list[Answer]:
        """Judge a batch, in the order of the expectations.

        Args:
            frame: The batch, not empty: Great Expectations passes almost anything on no rows at all.
            expectations: What to expect of it.
            list_rows: Also list the failing rows, which is slow when there are many.
        """
        import great_expectations as gx

        built = [_build(expectation) for expectation in expectations]
        known = [item for item in built if not isinstance(item, Answer)]
        if not known:
            return [item for item in built if isinstance(item, Answer)]
        # One suite for all: what two expectations both need is computed once.
        suite = gx.ExpectationSuite(name="rows", expectations=known)
        result_format = {"result_format": "COMPLETE" if list_rows else "BASIC"}
        results = self._batches.get_batch({"dataframe": frame}).validate(suite, result_format=result_format).results
        answers = iter([_answer(result, list_rows=list_rows) for result in results])
        return [item if isinstance(item, Answer) else next(answers) for item in built]


def judges(expectation: Expectation) -> Literal["row", "day"]:
    """Say whether an expectation judges single rows or each day as a whole.

    A tolerance (`mostly`) makes it a judgement on a day; everything about a column or a table is one anyway.
    """
    if not points_at_rows(expectation) or expectation.expect in _NOT_ROW_BY_ROW:
        return "day"
    return "row" if expectation.arguments.get("mostly", 1) == 1 else "day"


def points_at_rows(expectation: Expectation) -> bool:
    """Return whether an expectation can say which rows break it."""
    from great_expectations.expectations import expectation as kinds

    rowwise = (kinds.ColumnMapExpectation, kinds.ColumnPairMapExpectation, kinds.MulticolumnMapExpectation)
    found = expectation_class(expectation.expect)
    return found is not None and issubclass(found, rowwise)


def expectation_class(name: str) -> type[Any] | None:
    """Return the class of that name in `great_expectations.expectations`, or None."""
    import great_expectations.expectations as known

    found = getattr(known, name, None)
    return found if isinstance(found, type) and name != "Expectation" else None


def _build(expectation: Expectation) -> Any:
    found = expectation_class(expectation.expect)
    if found is None:
        return Answer(success=False, error=f"Great Expectations has no {expectation.expect}")
    try:
        return found(**expectation.arguments)
    except (ValueError, TypeError) as error:
        return Answer(success=False, error=f"wrong arguments: {_one_line(str(error))}")


def _answer(result: Any, *, list_rows: bool) -> Answer:
    error = raised_message(result.exception_info)
    if error:
        return Answer(success=False, error=error)
    details = result.result
    count = int(details.get("unexpected_count") or 0)
    listed = details.get("unexpected_index_list") if list_rows else None
    rows = tuple(int(label) for label in listed) if listed is not None else (() if list_rows and count == 0 else None)
    # Some expectations answer with numpy's bool, which is not JSON.
    return Answer(bool(result.success), count, details.get("observed_value"), rows)


def raised_message(exception_info: Any) -> str:
    """Return what was raised while judging, or nothing.

    The information comes in two shapes: one dictionary, or one such dictionary per metric.
    """
    if not isinstance(exception_info, dict):
        return ""
    entries = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    messages = [
        str(entry.get("exception_message") or "an exception without words")
        for entry in entries
        if entry.get("raised_exception")
    ]
    return _one_line(messages[0]) if messages else ""


def _one_line(text: str, limit: int = 240) -> str:
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return line if len(line) <= limit else line[: limit - 1] + "…"
