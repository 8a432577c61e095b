"""Predictions: what a release answered, row by row. A table of days; scorings of a day are numbered and none is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
"""Number of the scoring of its day a row belongs to: 1 is the first, the largest is what was said last."""
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
    """Return what was said last of each day by some releases, as far as it was said by an as-of.

    Args:
        answers: Rows of the table `predictions`, with `_day`.
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
    return rows.filter(pc.equal(rows.column(SCORING), newest.column(f"{SCORING}_max").take(place)))
