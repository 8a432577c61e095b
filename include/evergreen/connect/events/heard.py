"""Reading events from inside a task: those that woke this run, and those that no run was woken by."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Asset

_log = logging.getLogger(__name__)

READ_THROUGH = "read_through"
"""Key in the asset's state store: the time of the newest event that was read."""
FAILURES = "failed_readings"
"""Key in the asset's state store: how many runs in a row could not read the table."""
MOST_FAILURES = 5
OVERLAP = timedelta(minutes=10)
"""Read again before it: an event gets its time before its transaction ends, so an older one may appear after a newer one."""
PAGE = 500


@dataclass(frozen=True)
class Heard:
    """Events of the requests asset."""

    events: tuple[Any, ...]
    """Airflow's asset events, each with `timestamp` and `extra`."""
    read_through: datetime | None
    """Through which moment all of them are among these; None when only those that woke this run are."""
    read_before: datetime | None = None
    """Through which moment an earlier run had read them; those among these are repetitions."""


def listen(context: Mapping[str, Any], asset: Asset) -> Heard:
    """Return the events that woke this run and, unless a later run is waiting to do it, all that nobody has read yet.

    Of a burst Airflow hands a run only the first events; the others belong to no run until another event comes, and those that
    come while the DAG is paused belong to none for ever. They are all in Airflow's own table, so the table is read.
    """
    mine = tuple(context["triggering_asset_events"].get(asset, ()))
    # Airflow cannot tell of events that woke a run which has not begun; that run will read them all.
    if context["ti"].get_dr_count(context["dag"].dag_id, states=["queued"]):
        return Heard(mine, None)
    text = context["asset_state_store"][asset].get(READ_THROUGH)
    known = datetime.fromisoformat(text) if isinstance(text, str) else None
    try:
        found = _read(context["inlet_events"][asset], known - OVERLAP if known else None)
    except Exception as error:  # whatever the reason, the events that woke this run must not be lost with it
        return _only(mine, context, asset, error)
    newest = max((event.timestamp for event in found), default=known)
    return Heard((*mine, *_others(found, mine)), newest, known)


def _only(mine: tuple[Any, ...], context: Mapping[str, Any], asset: Asset, error: Exception) -> Heard:
    """Return the events that woke this run; after too many failures in a row, give up those that nobody can read.

    Airflow never again tells of events whose run was deleted or marked while it was queued. Nothing after them could be read.
    """
    state = context["asset_state_store"][asset]
    failures = int(state.get(FAILURES, 0)) + 1
    state.set(FAILURES, failures)
    if failures < MOST_FAILURES:
        _log.warning("only the events of this run could be read; the next run reads the others: %s", error)
        return Heard(mine, None)
    now = context["dag_run"].run_after
    _log.error("no event up to %s that woke no run could be read in %d runs; they are passed over: %s", now, failures, error)
    return Heard(mine, now)


def remember(context: Mapping[str, Any], asset: Asset, heard: Heard) -> None:
    """Note through which moment all events were read and written down."""
    if heard.read_through is not None:
        state = context["asset_state_store"][asset]
        state.set(READ_THROUGH, heard.read_through.isoformat())
        state.set(FAILURES, 0)


def _read(events: Any, after: datetime | None) -> list[Any]:
    """Return the events after a moment, oldest first, page by page."""
    found: list[Any] = []
    seen: set[int] = set()
    while True:
        query = events.ascending().limit(PAGE)
        page = list(query.after(after.isoformat()) if after else query)
        new = [event for event in page if event.id not in seen]
        found.extend(new)
        seen.update(event.id for event in new)
        if len(page) < PAGE or not new:
            return found
        after = new[-1].timestamp


def _others(found: Sequence[Any], mine: Iterable[Any]) -> list[Any]:
    known = {event.timestamp for event in mine}
    return [event for event in found if event.timestamp not in known]
