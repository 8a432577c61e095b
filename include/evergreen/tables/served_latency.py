"""How long callers of the gateway waited, by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.day_table import DAY
from evergreen.tables.served_answers import GOT_BY_CALLERS
from evergreen.tables.served_columns import ROLE
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from evergreen.files import Files
    from evergreen.results import Collected


def latency_p99_ms_by_day(collected: Collected, files: Files, days: Collection[date]) -> dict[date, float]:
    """Return the 99th percentile of the champion's latencies, from the arrival of a request until its answers were kept.

    Args:
        collected: What the night looks at; where the gateway is not watched there is nothing to return.
        files: Where its tables are.
        days: Local days of the rows asked about.

    Returns:
        Milliseconds per day that has answers of this very release. A request of many rows counts once for each.

    Raises:
        DataError: The version of the table is gone.
        StoreUnavailableError: The store did not answer.
    """
    if collected.answers == "batch" or collected.served_version < 0 or collected.champion is None:
        return {}
    table = ServedTable(collected.served_uri, files)
    rows = table.read(collected.served_version, days, ["bundle_digest", "latency_us", ROLE])
    told = pc.is_in(rows.column(ROLE), value_set=pa.array(GOT_BY_CALLERS))
    rows = rows.filter(pc.and_(told, pc.equal(rows.column("bundle_digest"), collected.champion.bundle_digest)))
    found = {}
    for day in sorted(set(rows.column(DAY).to_pylist())):
        of_day = rows.filter(pc.equal(rows.column(DAY), day)).column("latency_us").to_numpy()
        found[day] = float(np.percentile(of_day, 99)) / 1000
    return found
