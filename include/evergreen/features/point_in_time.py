"""The newest row that could be read at a moment: joins that cannot look ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).max
"""The moment of a row that may never be read: later than any other."""
ALWAYS = np.iinfo(np.int64).min
"""The moment of a row that may always be read."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(value: datetime | timedelta) -> int:
    """Return an aware datetime as microseconds since 1970, or a span in microseconds."""
    span = value - _EPOCH if isinstance(value, datetime) else value
    return span // timedelta(microseconds=1)


def microseconds(column: pa.ChunkedArray, *, missing: int) -> NDArray[np.int64]:
    """Return timestamps as microseconds since 1970 (UTC): array of shape (n_rows,)."""
    moments = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(moments.fill_null(missing).to_numpy(), dtype=np.int64)


def latest_readable(
    groups: NDArray[np.int64],
    event_times: NDArray[np.int64],
    readable_from: NDArray[np.int64],
    wanted_groups: NDArray[np.int64],
    moments: NDArray[np.int64],
    *,
    within: int | None = None,
) -> NDArray[np.int64]:
    """Find, for each wanted group and moment, the group's newest row that could be read by then.

    Newest is latest by event time; of equals the one that became readable last, then the one that stands last. A late
    correction of an old event therefore never hides a newer event, and a row nobody could read yet is never seen.

    Args:
        groups: Group of each table row, shape (n_table,); negative belongs to none.
        event_times: When each table row happened, in any unit, shape (n_table,).
        readable_from: First moment at which it may be read, same unit, shape (n_table,).
        wanted_groups: Group each row asks for, shape (n_rows,); negative asks for none.
        moments: Moment each row asks at, same unit, shape (n_rows,).
        within: Oldest event allowed, counted back from the moment; none is no limit.

    Returns:
        Position of the found table row, or -1, shape (n_rows,).
    """
    kept = np.flatnonzero((groups >= 0) & (readable_from != NEVER))
    if kept.size == 0:
        return np.full(len(moments), -1, dtype=np.int64)
    order = kept[np.lexsort((kept, event_times[kept], readable_from[kept], groups[kept]))]
    group, event = groups[order], np.unique(event_times[order], return_inverse=True)[1]
    newest = _running_newest(group * order.size + event)

    times, rank = np.unique(readable_from[order], return_inverse=True)
    width = times.size + 1
    asked = wanted_groups * width + np.searchsorted(times, moments, side="right")
    last = np.searchsorted(group * width + rank + 1, asked, side="right") - 1
    found = np.where((last >= 0) & (wanted_groups >= 0) & (group[last] == wanted_groups), order[newest[last]], -1)
    if within is not None:
        found[(found >= 0) & (event_times[found] < moments - within)] = -1
    return found


def ever_found(
    groups: NDArray[np.int64],
    event_times: NDArray[np.int64],
    readable_from: NDArray[np.int64],
    *,
    earliest: int,
    within: int | None = None,
) -> NDArray[np.int64]:
    """Find the rows that `latest_readable` may answer with at any moment from `earliest` on.

    Asked at such a moment, these rows alone give the answer that all of them give.

    Args:
        groups: Group of each table row, shape (n_table,); negative belongs to none.
        event_times: When each table row happened, in any unit, shape (n_table,).
        readable_from: First moment at which it may be read, same unit, shape (n_table,).
        earliest: First moment that will be asked at, same unit.
        within: Oldest event allowed, counted back from the moment; none is no limit.

    Returns:
        Positions in ascending order, so that of equals the one that stands last still does.
    """
    kept = np.flatnonzero((groups >= 0) & (readable_from != NEVER))
    order = kept[np.lexsort((kept, event_times[kept], readable_from[kept], groups[kept]))]
    if order.size == 0:
        return order
    group, event = groups[order], np.unique(event_times[order], return_inverse=True)[1]
    newest = np.unique(_running_newest(group * order.size + event))
    group, seen = group[newest], np.maximum(readable_from[order[newest]], earliest)
    # One that is overtaken by the moment it can first be asked for is nobody's answer.
    overtaken = np.append((group[1:] == group[:-1]) & (seen[1:] == seen[:-1]), False)
    found = np.sort(order[newest[~overtaken]])
    return found if within is None else found[event_times[found] >= earliest - within]


def _running_newest(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the largest rank so far, the later one of equals; ranks of a later group are all larger."""
    reached = ranks == np.maximum.accumulate(ranks)
    return np.maximum.accumulate(np.where(reached, np.arange(ranks.size), 0))


def shared_groups(table: pa.Table, rows: pa.Table, by: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the combinations of `by` alike on both sides; -1 where any of them is missing.

    Returns:
        Group of each table row, shape (n_table,), and of each row, shape (n_rows,).
    """
    both = [pd.concat([table.column(name).to_pandas(), rows.column(name).to_pandas()], ignore_index=True) for name in by]
    groups = _numbered(both, table.num_rows + rows.num_rows)
    return groups[: table.num_rows], groups[table.num_rows :]


def groups_of(table: pa.Table, by: Sequence[str]) -> NDArray[np.int64]:
    """Number the combinations of `by`, array of shape (n_table,); -1 where any of them is missing."""
    return _numbered([table.column(name).to_pandas() for name in by], table.num_rows)


def _numbered(columns: Sequence[pd.Series], n_rows: int) -> NDArray[np.int64]:
    groups = np.zeros(n_rows, dtype=np.int64)
    missing = np.zeros(n_rows, dtype=np.bool_)
    for column in columns:
        codes, values = pd.factorize(column)
        missing |= codes < 0
        groups = pd.factorize(groups * (len(values) + 1) + codes)[0]
    groups[missing] = -1
    return groups
