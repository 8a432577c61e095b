"""What a night adds to the outcomes of some days. Pure: tables in, tables out.

Nothing that was kept is changed: a corrected label or a later answer is a further revision of its row, and so is a label that
the source took back, whose revision has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY
from evergreen.tables.outcomes import KNOWN_FROM, LABEL, LABEL_AVAILABLE_AT, OUTCOMES, REVISION, known_at
from evergreen.tables.predictions import ANSWER, KEY

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_CONTENT = [*(name for name, _ in ANSWER if name != KEY), LABEL, LABEL_AVAILABLE_AT]
_ROW = [DAY, KEY]
_SCHEMA = pa.schema([(DAY, pa.date32()), *OUTCOMES])


def join_labels(answers: pa.Table, labels: pa.Table, predict_before: timedelta) -> pa.Table:
    """Return the answers whose label is known: `_day` and the columns of `OUTCOMES` but revision and known-from.

    Args:
        answers: Last-said answers, with `_day`.
        labels: `_key`, `label` and `label_available_at`, one row per key.
        predict_before: How long before its event time a row is predicted.
    """
    place = pc.index_in(answers.column(KEY), value_set=labels.column(KEY)).combine_chunks()
    moment = pc.subtract(answers.column("_event_time"), pa.scalar(predict_before, pa.duration("us")))
    joined = answers.select([DAY, *(name for name, _ in ANSWER)]).append_column("_prediction_time", moment)
    for name in (LABEL, LABEL_AVAILABLE_AT):
        joined = joined.append_column(name, labels.column(name).take(place))
    return joined.filter(pc.is_valid(joined.column(LABEL)))


def new_revisions(stored: pa.Table, joined: pa.Table, as_of: datetime, *, only_unknown: bool) -> pa.Table:
    """Return the rows to add, with `_day`.

    Args:
        stored: Every revision of the days there is, with `_day`.
        joined: The same days' outcomes as they are now, from `join_labels`.
        as_of: The night.
        only_unknown: Add only rows of which nothing was known at the as-of: a night older than one collected before cannot tell
            a correction that it would have seen from one that came after it.
    """
    now = joined.to_pandas(date_as_object=True)
    then = known_at(stored, as_of).to_pandas(date_as_object=True)
    pairs = now.merge(then, on=_ROW, how="outer", suffixes=("", "_then"), indicator=True)
    counted = _counted(stored)
    parts = [pairs[pairs["_merge"] == "left_only"]]
    if not only_unknown:
        # What a later night knew is not put behind what an earlier one is told now.
        known = pairs.merge(counted, on=_ROW, how="left")
        known = known[known["newest"] <= pd.Timestamp(as_of)].drop(columns=["count", "newest"])
        both = known[known["_merge"] == "both"]
        gone = known[(known["_merge"] == "right_only") & known[f"{LABEL}_then"].notna()]
        parts += [both[_differs(both)], _taken_back(gone)]
    names = [name for name in (DAY, *OUTCOMES.names) if name not in (REVISION, KNOWN_FROM)]
    parts = [part[names] for part in parts if len(part)]
    if not parts:
        return _SCHEMA.empty_table()
    rows = pd.concat(parts).sort_values([DAY, "_event_time", KEY]).merge(counted, on=_ROW, how="left")
    rows[REVISION] = rows["count"].fillna(0).astype(np.int64) + 1
    rows[KNOWN_FROM] = pd.Timestamp(as_of)
    return pa.Table.from_pandas(rows[_SCHEMA.names], schema=_SCHEMA, preserve_index=False)


def count_changes(revisions: pa.Table, as_of: datetime) -> tuple[int, int]:
    """Return how many rows had their first label on a night, and how many another one than before.

    Args:
        revisions: Every revision of the days that the night has changed, with `_day`.
        as_of: The night.
    """
    moment = pa.scalar(as_of, TIMESTAMP)
    current = known_at(revisions, as_of)
    changed = current.filter(pc.equal(current.column(KNOWN_FROM), moment))
    before = known_at(revisions.filter(pc.less(revisions.column(KNOWN_FROM), moment)), as_of)
    frames = [rows.select([*_ROW, LABEL]).to_pandas(date_as_object=True) for rows in (changed, before)]
    pairs = frames[0].merge(frames[1], on=_ROW, how="left", suffixes=("", "_then"))
    had, has = pairs[f"{LABEL}_then"], pairs[LABEL]
    new = int((had.isna() & has.notna()).sum())
    corrected = int((had.notna() & ~(had == has)).sum())
    return new, corrected


def _differs(pairs: pd.DataFrame) -> pd.Series[bool]:
    differs = pd.Series(False, index=pairs.index)
    for name in _CONTENT:
        ours, theirs = pairs[name], pairs[f"{name}_then"]
        differs |= ~((ours == theirs) | (ours.isna() & theirs.isna()))
    return differs


def _taken_back(gone: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in OUTCOMES.names if name not in (*_ROW, REVISION, KNOWN_FROM)]
    kept = gone[[*_ROW, *(f"{name}_then" for name in names)]].set_axis([*_ROW, *names], axis=1)
    kept[LABEL] = np.nan
    kept[LABEL_AVAILABLE_AT] = pd.Series(pd.NaT, index=kept.index, dtype=kept[LABEL_AVAILABLE_AT].dtype)
    return kept


def _counted(stored: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = stored.select([*_ROW, KNOWN_FROM]).to_pandas(date_as_object=True)
    return frame.groupby(_ROW, as_index=False).agg(count=(KNOWN_FROM, "size"), newest=(KNOWN_FROM, "max"))
