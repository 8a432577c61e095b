"""The gateway's answers as monitoring looks at them, and the features they rest on."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_rows import DAY
from evergreen.tables.predictions import ANSWER, ANSWERED_AT, KEY, SAID_AT, SCORING
from evergreen.tables.served_columns import (
    INPUTS,
    NUMBER,
    ONLINE_AS_OF,
    PREDICTION_TIME,
    REQUEST,
    ROLE,
    ROW,
    TEXT,
)
from evergreen.tables.served_roles import GOT_BY_CALLERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from evergreen.tables.served_table import ServedTable

logger = logging.getLogger(__name__)

SINGLE: tuple[tuple[str, pa.DataType], ...] = ((ANSWERED_AT, TIMESTAMP), (REQUEST, pa.string()), (ROW, pa.int64()))
"""What tells apart the answers that were given one by one; null in those of a batch."""
_NAME = [DAY, REQUEST, ROW]


def served_answers(table: ServedTable, version: int | None, days: Collection[date]) -> pa.Table:
    """Return what callers were told about some days, in the order in which they were told.

    An answer counts as said at its moment of prediction, whenever it was asked for: live that is about the same, and where
    months are replayed in minutes it is the moment that is meant. Left out is an answer that rests on online inputs newer than
    this moment: it may know what came later, and is no evidence.

    Args:
        table: The gateway's answers.
        version: The version to read; None while there is none.
        days: Local days of their rows.

    Returns:
        The columns of `ANSWER`, `_day`, `as_of` (the moment of prediction), `_scoring` (null: these answers were given one by
        one) and those of `SINGLE`.

    Raises:
        DataError: The version is gone.
    """
    kinds = dict(ANSWER) | dict(SINGLE)
    if version is None or version < 0 or not days:
        rest = {DAY: pa.date32(), SAID_AT: TIMESTAMP, SCORING: pa.int64()}
        return pa.schema([*kinds.items(), *rest.items()]).empty_table()
    rows = table.read(version, days, [*kinds, PREDICTION_TIME, ONLINE_AS_OF, ROLE])
    rows = _got_by_callers(rows)
    in_time = pc.less_equal(rows.column(ONLINE_AS_OF), rows.column(PREDICTION_TIME))
    kept = rows.filter(in_time)
    if kept.num_rows < rows.num_rows:
        logger.info("%d answers rest on inputs newer than their moment and are no evidence", rows.num_rows - kept.num_rows)
    kept = kept.sort_by([(name, "ascending") for name in (ANSWERED_AT, REQUEST, ROW)])
    said = kept.select([*kinds, DAY]).append_column(SAID_AT, kept.column(PREDICTION_TIME))
    return said.append_column(SCORING, pa.nulls(kept.num_rows, pa.int64()))


def served_features(
    table: ServedTable,
    version: int,
    answers: pd.DataFrame,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    slices: Sequence[str],
) -> pd.DataFrame:
    """Return the features that some answers rest on, as they were when the answer was given.

    Args:
        table: The gateway's answers.
        version: The version to read.
        answers: `_day`, `_key`, `request_id` and `row` of the answers wanted.
        numeric: Numeric features wanted.
        categorical: Categorical features wanted.
        slices: Columns to slice by: a field of the request, else a feature.

    Returns:
        One row per answer: `_day`, `_key`, `_prediction_time`, the features (NaN or None for missing) and `_slice_<column>`.
        What another release did not have is missing.
    """
    names = {NUMBER + name: name for name in numeric} | {TEXT + name: name for name in categorical}
    of_slices = [prefix + name for name in slices for prefix in (NUMBER, TEXT)]
    wanted = dict.fromkeys([KEY, REQUEST, ROW, ROLE, PREDICTION_TIME, INPUTS, *names, *of_slices])
    rows = _got_by_callers(table.read(version, sorted(set(answers[DAY])), list(wanted)))
    frame: pd.DataFrame = rows.to_pandas(date_as_object=True)
    frame = frame.merge(answers[_NAME].astype({ROW: "int64"}), on=_NAME, how="inner")
    told = {f"_slice_{name}": _slice(frame, name) for name in slices}
    for stored, name in names.items():
        if stored in frame:
            told[name] = frame[stored]
        elif stored.startswith(NUMBER):
            told[name] = pd.Series(np.nan, index=frame.index)
        else:
            told[name] = pd.Series(None, index=frame.index, dtype=object)
    return frame[[DAY, KEY, PREDICTION_TIME]].assign(**told)


def _got_by_callers(rows: pa.Table) -> pa.Table:
    """Leave out what a challenger said unseen or did not say: it is of the same request and row as what the caller got."""
    return rows.filter(pc.is_in(rows.column(ROLE), value_set=pa.array(GOT_BY_CALLERS)))


def _slice(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return a field of the request as text; where requests do not have it, the feature of that name."""
    inputs = [json.loads(text) for text in frame[INPUTS]]
    if any(name in each for each in inputs):
        return pd.Series(_texts([each.get(name) for each in inputs]), dtype=object)
    for prefix in (NUMBER, TEXT):
        if prefix + name in frame and frame[prefix + name].notna().any():
            values = [None if pd.isna(value) else value for value in frame[prefix + name].tolist()]
            return pd.Series(_texts(values), dtype=object)
    return pd.Series([None] * len(frame), dtype=object)


def _texts(values: list[Any]) -> list[str | None]:
    """Return values as the tables of features write them."""
    try:
        found: list[str | None] = pa.array(values).cast(pa.string()).to_pylist()
    except pa.ArrowException:
        return [None if value is None else str(value) for value in values]
    return found
