"""Outcomes: what was said of a row and what came true, revision by revision. A table of days; nothing in it is taken back.

A night adds the rows whose label it sees for the first time, and a further revision of those whose label or answer has changed
since. Each revision says from which as-of it was known, so that an old night can be read as it was.
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
LABEL, LABEL_AVAILABLE_AT = "label", "label_available_at"
REVISION, KNOWN_FROM = "_revision", "_known_from"
SCORING, SAID_AT, TRAINED_THROUGH = "_scoring", "as_of", "_trained_through"
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
OUTCOMES = pa.schema(
    [
        *ANSWER,
        ("_prediction_time", TIMESTAMP),
        (LABEL, pa.float64()),
        (LABEL_AVAILABLE_AT, TIMESTAMP),
        (REVISION, pa.int64()),
        (KNOWN_FROM, TIMESTAMP),
    ]
)
"""Columns of the table. A label of null takes an earlier one back: the source no longer has it."""


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


def known_at(revisions: pa.Table, as_of: datetime) -> pa.Table:
    """Return the newest revision of each row that was known at an as-of, sorted by day and key.

    Args:
        revisions: Rows of the table `outcomes`, with `_day`.
        as_of: Revisions first known later are left out.
    """
    rows = revisions.filter(pc.less_equal(revisions.column(KNOWN_FROM), pa.scalar(as_of, TIMESTAMP)))
    rows = rows.sort_by([(name, "ascending") for name in (DAY, KEY, KNOWN_FROM, REVISION)])
    if not rows.num_rows:
        return rows
    days, keys = rows.column(DAY).cast(pa.int32()).to_numpy(), rows.column(KEY).to_numpy()
    return rows.filter(pa.array(np.r_[(days[1:] != days[:-1]) | (keys[1:] != keys[:-1]), True], pa.bool_()))
