"""Challengers that are tried out and that nobody watches any more: taken back, and told of."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.registry.rollouts import RolloutStore
    from evergreen.settings import Settings

SWEEP = "evergreen.sweep"
"""Who takes them back, as the timeline names it."""
PATIENCE = timedelta(minutes=10)
"""After a trial has expired, whoever watches it ends it within its next look and says why in numbers; that is waited for."""

_log = logging.getLogger(__name__)


def end_forgotten_rollouts(
    settings: Settings, is_running: Callable[[str, str], bool], now: datetime | None = None
) -> list[str]:
    """Take back every challenger whose trial has expired, or whose training run is over; tell of it.

    Args:
        settings: Where things are.
        is_running: Whether a run, by the ids of its DAG and its own, is queued or running.
        now: The moment it is; the wall clock's unless given.

    Returns:
        The rollouts that were ended, as `model version: why`.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    from evergreen.registry.rollouts import RolloutStore

    store, ended = RolloutStore(settings.database_url), []
    for event in store.all_current():
        why = _why_forgotten(store, event, is_running, now or datetime.now(UTC))
        if why is None:
            continue
        # Only as it was looked at: a next step may begin this very moment.
        end = store.roll_back(event.model, event.rollout_id, reasons=(why,), actor=SWEEP, at_sequence=event.sequence)
        if end.action == "rolled_back" and end.actor == SWEEP:
            ended.append(f"{end.model} version {end.version}: {why}")
            _tell(settings, end)
    return ended


def _why_forgotten(
    store: RolloutStore, event: RolloutEvent, is_running: Callable[[str, str], bool], now: datetime
) -> str | None:
    """Return why nobody will end a rollout, None where its training run still may."""
    from evergreen.connect.run import run_id_of

    steps = (each for each in store.history(event.model, rollout_id=event.rollout_id) if each.action == "step")
    run_id = run_id_of(next(steps, event).actor)
    if run_id is not None and not is_running(f"{event.model}.training", run_id):
        return f"its training run {run_id} is over"
    if now >= event.expires_at + PATIENCE:
        return f"it expired at {event.expires_at:%Y-%m-%d %H:%M} UTC and nobody has ended it"
    return None


def _tell(settings: Settings, end: RolloutEvent) -> None:
    from evergreen.connect.alerts.incident import of_rollout
    from evergreen.connect.alerts.occasions import model_page, tell
    from evergreen.definitions import read_definitions

    definition = read_definitions(settings.definitions_dir, [end.model]).sound.get(end.model)
    if definition is None:
        _log.warning("took back version %s of %s, which has no definition to tell anybody by", end.version, end.model)
        return
    tell(of_rollout(end.model, end.version, end.reasons, model_page(end.model)), definition, settings)
