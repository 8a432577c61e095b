"""What monitoring decided in the last nights."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.registry.nights import NightStore
from evergreen.status.answers import WatchedNight

if TYPE_CHECKING:
    from evergreen.settings import Settings

_EVER = datetime.max.replace(tzinfo=UTC)


def watched_nights(settings: Settings, model: str, last: int) -> tuple[WatchedNight, ...]:
    """Return the newest nights of monitoring, newest first, at most `last` of them.

    Raises:
        DigestMismatchError: A decision was changed after it was written.
        StoreUnavailableError: The database did not answer.
    """
    store = NightStore(settings.database_url)
    kept = ((past.decision_id, store.get(past.decision_id)) for past in store.nights(model, _EVER, last))
    return tuple(
        WatchedNight(
            decision_id=key,
            as_of=night.as_of,
            cause=night.cause,
            action=night.action,
            severity=night.severity,
            reasons=night.reasons,
            starts_training=night.starts_training,
            report_uri=night.report_uri,
        )
        for key, night in kept
        if night is not None
    )
