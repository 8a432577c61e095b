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
from evergreen.tables.predictions import ANSWER, KEY

if TYPE_CHECKING:
    from datetime import datetime

LABEL, LABEL_AVAILABLE_AT = "label", "label_available_at"
REVISION, KNOWN_FROM = "_revision", "_known_from"
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
