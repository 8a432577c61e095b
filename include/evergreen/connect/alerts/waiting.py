"""Messages that could not be delivered, tried again."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.connect.alerts.speaking import Spoken, delivered, target_of, ways_of

if TYPE_CHECKING:
    from evergreen.definitions.alerts import Notify
    from evergreen.registry.alerts import UnsaidAlert
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)


def tell_what_waits(settings: Settings) -> tuple[Spoken, ...]:
    """Try every message again that could not be delivered; return what came of each.

    A message whose way to tell is in no definition any more is named in the log and stays.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    from evergreen.connect.alerts.channels import deliver
    from evergreen.registry.alerts import AlertStore

    store, spoken = AlertStore(settings.database_url), []
    for unsaid in store.waiting():
        if unsaid.is_under_way(datetime.now(UTC)):
            continue
        way = _way_of(unsaid, settings)
        if way is None:
            _log.warning("no way to tell is left for: %s", unsaid.subject)
            continue
        words = unsaid.model_dump(include={"fingerprint", "level", "subject", "lines", "link"})
        begun = store.begin(unsaid.model, unsaid.incident, unsaid.target, **words)
        if begun is not None:
            came = delivered(begun, way, store, lambda way, message: deliver(way, message, settings))
            spoken.append(Spoken(way.channel, begun.level, came))
    return tuple(spoken)


def _way_of(unsaid: UnsaidAlert, settings: Settings) -> Notify | None:
    from evergreen.definitions import read_definitions

    definition = read_definitions(settings.definitions_dir, [unsaid.model]).sound.get(unsaid.model)
    ways = ways_of(definition.alerts.notify) if definition else ()
    return next((way for way in ways if target_of(way) == unsaid.target), None)
