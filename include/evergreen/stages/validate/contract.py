"""The contract every row keeps: it has its key, its times, and lies in the day of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from evergreen.definitions.data import Table
    from evergreen.definitions.schedule import Schedule
    from evergreen.definitions.validation import Severity

EVENT_OUTSIDE_DAY = "event time lies in its file's day"


@dataclass(frozen=True)
class RowRule:
    """One rule of the contract with the rows that break it."""

    severity: Severity
    name: str
    target: str
    allowed: str
    reason: str
    """Why a row that breaks it is set aside."""
    failing: NDArray[np.bool_]
    """Array of shape (n_rows,)."""


@dataclass(frozen=True)
class PlacedRows:
    """Rows with their times."""

    rules: tuple[RowRule, ...]
    misplaced: NDArray[np.bool_]
    """Rows that break a rule of the contract, shape (n_rows,)."""
    available_at: pd.Series | None
    """When each row could be read; None for a reference table."""
    available: NDArray[np.bool_]
    """Rows that had become available at the as-of, wherever they lie, shape (n_rows,)."""

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Rows that are in their place and could be read at the as-of, shape (n_rows,)."""
        return self.available & ~self.misplaced


def place_rows(frame: pd.DataFrame, table: Table, schedule: Schedule, as_of: datetime) -> PlacedRows:
    """Find each row's place in time, and the rows that have none.

    A row whose event time lies outside its file's local day (a date in the future, say) is judged whether or not it could
    be read already: waiting for it to become readable would hide it.

    Args:
        frame: Rows with the table's columns and `_day`, n_rows of them.
        table: The table's definition.
        schedule: Says in which time zone days begin and end.
        as_of: The moment the run pretends it is.
    """
    # A row without its key cannot be told from others, so it cannot be set aside alone either.
    rules = [_missing(frame, column, "key is present", "fail") for column in table.key]
    if table.event_time is None:
        return PlacedRows(tuple(rules), _any(rules, len(frame)), None, np.ones(len(frame), dtype=np.bool_))
    event_time = frame[table.event_time]
    days = event_time.dt.tz_convert(schedule.timezone).dt.date
    outside = np.asarray(event_time.notna() & (days != frame["_day"]), dtype=np.bool_)
    rules.append(_missing(frame, table.event_time, "event time is present", "quarantine"))
    allowed = f"within the file's day, {schedule.timezone}"
    reason = f"{table.event_time} lies outside its file's day, {schedule.timezone}"
    rules.append(RowRule("quarantine", EVENT_OUTSIDE_DAY, table.event_time, allowed, reason, outside))
    if table.available_at is None:
        available_at = event_time + table.available_after
    else:
        available_at = frame[table.available_at]
        rules.append(_missing(frame, table.available_at, "time of availability is present", "quarantine"))
    available = np.asarray(available_at <= pd.Timestamp(as_of), dtype=np.bool_)
    return PlacedRows(tuple(rules), _any(rules, len(frame)), available_at, available)


def _missing(frame: pd.DataFrame, column: str, name: str, severity: Severity) -> RowRule:
    return RowRule(
        severity, name, column, "a value in every row", f"{column} is missing", np.asarray(frame[column].isna(), dtype=np.bool_)
    )


def _any(rules: list[RowRule], rows: int) -> NDArray[np.bool_]:
    failing = np.zeros(rows, dtype=np.bool_)
    for rule in rules:
        failing |= rule.failing
    return failing
