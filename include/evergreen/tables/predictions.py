"""Predictions: what a release answered, row by row. A table of days; scorings of a day are numbered and none is taken back.

What the gateway answered is kept elsewhere (`served_table`). To monitoring it looks the same, but for the number: its answers
are given one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.day_table import DAY

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

KEY, EVENT_TIME = "_key", "_event_time"
SAID_AT = "as_of"
"""As-of of the run that answered."""
SCORING = "_scoring"
"""Number of the scoring of its day a row belongs to: 1 is the first, the largest is what was said last.

Null for an answer that was given by itself: it replaces what was said of its row before, and of no other.
"""
ANSWERED_AT = "_answered_at"
"""The clock's moment at which such an answer was given; null in those of a scoring."""
TRAINED_THROUGH = "_trained_through"
"""Watermark of the release that answered. A row whose `_event_time` is not after it is no evidence of how good the answers are.

Null in rows older than this column.
"""
FEATURES_URI = "_features_uri"
"""Table of the features that were scored. Null in rows older than this column."""
FEATURES_VERSION = "_features_version"
"""Version of that table which holds them. Null in rows older than this column."""
ANSWER: tuple[tuple[str, pa.DataType], ...] = (
    (KEY, pa.string()),
    (EVENT_TIME, TIMESTAMP),
    ("probability", pa.float64()),
    ("decision", pa.bool_()),
    ("release_version", pa.string()),
    ("bundle_digest", pa.string()),
    (TRAINED_THROUGH, TIMESTAMP),
)
"""What an answer says of itself."""


def said_last(answers: pa.Table, as_of: datetime, versions: Collection[str]) -> pa.Table:
    """Return what was said last of each row by some releases, as far as it was said by an as-of.

    Args:
        answers: Rows of the table `predictions` with `_day`, or answers given one by one, or both.
        as_of: Answers of later runs are left out.
        versions: Releases whose answers count; those of releases that came later must not.
    """
    heard = pc.less_equal(answers.column(SAID_AT), pa.scalar(as_of, TIMESTAMP))
    ours = pc.is_in(answers.column("release_version"), value_set=pa.array(sorted(versions), pa.string()))
    rows = answers.filter(pc.and_(heard, ours))
    if not rows.num_rows:
        return rows
    newest = rows.group_by(DAY).aggregate([(SCORING, "max")])
    place = pc.index_in(rows.column(DAY), value_set=newest.column(DAY))
    is_last = pc.equal(rows.column(SCORING), newest.column(f"{SCORING}_max").take(place))
    if not rows.column(SCORING).null_count:
        return rows.filter(is_last)
    return _last_of_each_row(rows.filter(pc.or_kleene(is_last, pc.is_null(rows.column(SCORING)))))


def _last_of_each_row(rows: pa.Table) -> pa.Table:
    """Return one answer per day and key: the last said, of equals the last given, of equals the one that stands last."""
    given = pc.coalesce(rows.column(ANSWERED_AT), rows.column(SAID_AT))
    said, given = (column.cast(pa.int64()).to_numpy() for column in (rows.column(SAID_AT), given))
    days = rows.column(DAY).cast(pa.int32()).to_numpy()
    keys = rows.column(KEY).combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((given, said, keys, days))
    days, keys = days[order], keys[order]
    is_last = np.r_[(days[1:] != days[:-1]) | (keys[1:] != keys[:-1]), True]
    return rows.take(pa.array(np.sort(order[is_last])))
