"""Columns of the table `served`."""

from __future__ import annotations

import pyarrow as pa

from evergreen.tables.arrow_types import TIMESTAMP
from evergreen.tables.predictions import ANSWER, ANSWERED_AT

PREDICTION_TIME = "_prediction_time"
"""The moment of prediction: to monitoring, the answer was said then."""
ONLINE_AS_OF = "_online_as_of"
"""The night of the online inputs. An answer about an earlier moment rests on later knowledge: no evidence."""
REQUEST, ROW = "request_id", "row"
"""Which request, and which row of it: together they name an answer."""
ROLE = "role"
ROLLOUT = "rollout_id"
"""The rollout of a challenger's record; empty for the champion's."""
REQUESTS = "requests"
"""Requests that a record of role `refused` counts; 1 for others."""
INPUTS = "inputs"
"""The fields of the request as JSON."""
NUMBER, TEXT = "number_", "text_"
"""Before the name of a numeric and of a categorical feature: what one release calls a number may be text to the next."""
SERVED: tuple[tuple[str, pa.DataType], ...] = (
    *ANSWER,
    (PREDICTION_TIME, TIMESTAMP),
    (ANSWERED_AT, TIMESTAMP),
    (ONLINE_AS_OF, TIMESTAMP),
    ("online_digest", pa.string()),
    (REQUEST, pa.string()),
    (ROW, pa.int64()),
    (ROLE, pa.string()),
    ("review", pa.bool_()),
    ("latency_us", pa.int64()),
    (INPUTS, pa.string()),
    ("compute_us", pa.int64()),
    (ROLLOUT, pa.string()),
    ("error", pa.string()),
    ("champion_probability", pa.float64()),
    ("champion_decision", pa.bool_()),
    ("champion_compute_us", pa.int64()),
    ("worker_mb", pa.float64()),
    (REQUESTS, pa.int64()),
)
"""What every answer says of itself; features follow."""
