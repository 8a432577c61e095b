"""What the gateway had to do and how it did, by day: requests, errors of its own, how long callers waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.tables.day_rows import DAY
from evergreen.tables.served_columns import REQUESTS, ROLE, ROW
from evergreen.tables.served_roles import GOT_BY_CALLERS, REFUSED
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from evergreen.files import Files
    from evergreen.results import Collected

OWN_ERRORS = ("unavailable", "features")
"""Kinds of refused requests that are no fault of the caller: no room or no release, and code that fails."""


@dataclass(frozen=True)
class DayTraffic:
    """One day of the champion."""

    requests: int
    """Answered requests about rows of this day."""
    errors: int
    """Requests of this day that were not answered and should have been."""
    latency_p99_ms: float | None
    """99th percentile from the arrival of a request until its answers were kept; None without answers. A request of many rows
    counts once for each."""


def traffic_by_day(collected: Collected, files: Files, days: Collection[date]) -> dict[date, DayTraffic]:
    """Return what the gateway did for this very release.

    Args:
        collected: What the night looks at; where the gateway is not watched there is nothing to return.
        files: Where its tables are.
        days: Local days.

    Raises:
        DataError: The version of the table is gone.
        StoreUnavailableError: The store did not answer.
    """
    if collected.answers == "batch" or collected.champion is None:
        return {}
    if collected.served_version < 0:
        return {day: DayTraffic(0, 0, None) for day in days}
    table = ServedTable(collected.served_uri, files)
    rows = table.read(collected.served_version, days, ["bundle_digest", ROLE, ROW, "latency_us", "error", REQUESTS])
    rows = rows.filter(pc.equal(rows.column("bundle_digest"), collected.champion.bundle_digest))
    return {day: _traffic(rows.filter(pc.equal(rows.column(DAY), day))) for day in sorted(days)}


def _traffic(rows: pa.Table) -> DayTraffic:
    told = rows.filter(pc.is_in(rows.column(ROLE), value_set=pa.array(GOT_BY_CALLERS)))
    errors = 0
    if {"error", REQUESTS} <= set(rows.column_names):  # tables of before these were counted
        own = pc.and_(pc.equal(rows.column(ROLE), REFUSED), pc.is_in(rows.column("error"), value_set=pa.array(OWN_ERRORS)))
        errors = pc.sum(rows.filter(own).column(REQUESTS)).as_py() or 0
    latencies = told.column("latency_us").to_numpy()
    return DayTraffic(
        requests=pc.sum(pc.equal(told.column(ROW), 0)).as_py() or 0,
        errors=errors,
        latency_p99_ms=float(np.percentile(latencies, 99)) / 1000 if len(latencies) else None,
    )
