"""Where a rollout stands and what there was, in words; and the releases between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.status.answers import PastEvent
from evergreen.tables.addresses import trial_page_uri

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.registry.timeline import ReleaseEvent
    from evergreen.settings import Settings


def is_written(settings: Settings) -> bool:
    """Return whether anybody has written into our database yet: looking must not make its file."""
    url = make_url(settings.database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def rollout_standing(settings: Settings, model: str) -> tuple[RolloutEvent, datetime] | tuple[None, None]:
    """Return where a model's rollout stands and when its present step began.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    store = RolloutStore(settings.database_url)
    event = store.current(model) if is_written(settings) else None
    if event is None:
        return None, None
    steps = (each for each in store.history(model, rollout_id=event.rollout_id) if each.action == "step")
    return event, next(steps, event).happened_at


def standing_in_words(event: RolloutEvent, since: datetime, now: datetime) -> str:
    """Return one line: who is tried out on whom, how far, since when, and whether it is paused or forgotten.

    Args:
        event: Where the rollout stands.
        since: When its present step began.
        now: The moment it is.
    """
    how = f"{event.mode.replace('_', '/')} {_step(event)}"
    if not event.is_on(now):
        return (
            f"version {event.version} no longer: its {how} expired at {event.expires_at:%Y-%m-%d %H:%M} UTC; "
            "the champion answers alone, and the sweep ends the rollout"
        )
    held = f"; paused by {event.actor}: {'; '.join(event.reasons)}" if event.is_paused else ""
    return f"version {event.version} {_asked(event)}, {how}, since {since:%Y-%m-%d %H:%M} UTC{held}"


def release_history(settings: Settings, model: str, *, last: int) -> tuple[PastEvent, ...]:
    """Return a model's releases and the events of its rollouts together, newest first; nothing before anybody wrote.

    Args:
        settings: Where things are.
        model: Name of the model.
        last: Most events to return.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    if not is_written(settings):
        return ()
    moves = ReleaseRegistry(settings).timeline(model, limit=last)
    events = RolloutStore(settings.database_url).history(model, limit=last)
    found = [*(_of_move(move) for move in moves), *(_of_rollout(event, settings) for event in events)]
    return tuple(sorted(found, key=lambda each: each.happened_at, reverse=True)[:last])


def _of_move(move: ReleaseEvent) -> PastEvent:
    before = f" from version {move.previous_version}" if move.previous_version else ""
    how = f" after a {move.rollout.replace('_', '/')} rollout" if move.rollout != "direct" else ""
    return PastEvent(
        happened_at=move.happened_at,
        kind="release",
        action=move.action,
        version=move.version,
        what=f"{move.action} to version {move.version}{before}{how}",
        actor=move.actor,
        why=move.reason,
    )


def _of_rollout(event: RolloutEvent, settings: Settings) -> PastEvent:
    what = {
        "step": f"{event.mode.replace('_', '/')} {_step(event)}: version {event.version} {_asked(event)}",
        "pause": f"paused at {_step(event)}",
        "resume": f"resumed at {_step(event)}",
        "promoted": f"trial of version {event.version} over: promoted at {_step(event)}",
        "rolled_back": f"trial of version {event.version} over: taken back at {_step(event)}",
    }
    return PastEvent(
        happened_at=event.happened_at,
        kind="rollout",
        action=event.action,
        version=event.version,
        what=what[event.action],
        actor=event.actor,
        why="; ".join(event.reasons),
        report_uri=_page(event, settings),
    )


def _page(event: RolloutEvent, settings: Settings) -> str:
    """Return the page of the step that ended with an event: the one before it passed, or its own was broken off."""
    if event.action == "step" and event.step > 1:
        return trial_page_uri(settings, event.model, event.rollout_id, event.step - 1)
    decided = event.action == "rolled_back" and event.evidence_uri
    return trial_page_uri(settings, event.model, event.rollout_id, event.step) if decided else ""


def _step(event: RolloutEvent) -> str:
    return f"step {event.step} of {event.steps}"


def _asked(event: RolloutEvent) -> str:
    callers = "all callers" if event.share == 1 else f"{100 * event.share:.4g} % of the callers"
    return f"answers {callers}" + (" unseen" if event.mode == "shadow" else "")
