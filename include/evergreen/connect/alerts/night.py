"""What a night of monitoring has to say, and to whom."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.results import Decided

_log = logging.getLogger(__name__)


def tell_of_night(run: Run, decided: Decided) -> list[str]:
    """Tell of a night, unless a later one has been decided already; return what was sent, one line each.

    A night that is run again months later says nothing of today.
    """
    from evergreen.connect.alerts.incident import of_night, of_silence
    from evergreen.connect.alerts.occasions import base_url, tell
    from evergreen.connect.links import MODELS_ROUTE, report_link
    from evergreen.registry.nights import NightStore

    nights = NightStore(run.settings.database_url)
    newest = nights.latest(run.definition.name)
    if newest is not None and newest.as_of > decided.as_of:
        _log.info("the night of %s has been decided already: nothing is told of this one", newest.as_of)
        return []
    kept = nights.get(decided.decision_id)
    path = report_link({"report_uri": decided.report_uri}, run.settings) or MODELS_ROUTE + run.definition.name
    incidents = (
        of_night(decided, kept.alarms if kept else (), base_url() + path),
        of_silence(run.definition.name, 0.0, run.definition.monitoring.operations.max_hours_unwatched, ""),
    )
    return [each.line for incident in incidents for each in tell(incident, run.definition, run.settings)]
