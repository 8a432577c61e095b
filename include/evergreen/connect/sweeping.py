"""What the sweep looks for, over all models: decisions whose training never began, what nobody watches, and old features."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.connect.alerts.incident import Incident
    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)


def due_of_all_models(settings: Settings) -> list[dict[str, Any]]:
    """Return what Airflow needs to start every training that was decided on and never began.

    A model whose definition is gone or broken has no DAG to trigger; its decisions wait.
    """
    from evergreen.connect.trainings import pending_trainings

    pending = pending_trainings(settings)
    if not pending:
        return []
    dags = {f"{definition.name}.training" for definition in _models(settings)}
    waiting = [request["trigger_run_id"] for request in pending if request["trigger_dag_id"] not in dags]
    if waiting:
        _log.warning("no definition to train by, for the decisions %s", ", ".join(waiting))
    return [request for request in pending if request["trigger_dag_id"] in dags]


def tell_of_silence(settings: Settings, now: datetime | None = None) -> list[str]:
    """Tell of every model that should be watched every night and was not for too long; return what was sent.

    Args:
        settings: Where things are.
        now: The moment it is; the wall clock's unless given.
    """
    from evergreen.connect.alerts.incident import of_silence
    from evergreen.connect.alerts.occasions import model_page

    moment, sent = now or datetime.now(UTC), []
    for definition in _models(settings):
        if not _should_be_watched(definition, moment):
            continue
        limit = definition.monitoring.operations.max_hours_unwatched
        hours = hours_unwatched(definition, settings, moment)
        sent += _told(of_silence(definition.name, hours, limit, model_page(definition.name)), definition, settings)
    return sent


def tell_of_old_features(settings: Settings, now: datetime | None = None) -> list[str]:
    """Tell of every model whose published entity features are older than its gateway may use; return what was sent.

    A model that never published any is served by no gateway, and one that is scored by hand has no night to wait for.

    Args:
        settings: Where things are.
        now: The moment it is; the wall clock's unless given.
    """
    from evergreen.connect.alerts.incident import of_old_features
    from evergreen.connect.alerts.occasions import model_page
    from evergreen.registry.online_versions import OnlineVersionStore

    moment, sent = now or datetime.now(UTC), []
    newest: dict[str, datetime] = {}
    for found in OnlineVersionStore(settings.database_url).newest_all():
        newest[found.model] = max(found.as_of, newest.get(found.model, found.as_of))
    for definition in _models(settings):
        if definition.name not in newest or definition.schedule.scoring != "nightly" or _has_ended(definition, moment):
            continue
        hours = (moment - newest[definition.name]) / timedelta(hours=1)
        limit = definition.serving.max_feature_age / timedelta(hours=1)
        sent += _told(of_old_features(definition.name, hours, limit, model_page(definition.name)), definition, settings)
    return sent


def hours_unwatched(definition: ModelDefinition, settings: Settings, now: datetime) -> float | None:
    """Return the hours since the last night was decided or, before the first, since the first release; None without one."""
    from evergreen.registry.nights import NightStore
    from evergreen.registry.releases import ReleaseRegistry

    newest = NightStore(settings.database_url).latest(definition.name)
    if newest is not None and newest.recorded_at is not None:
        return (now - newest.recorded_at).total_seconds() / 3600
    moves = ReleaseRegistry(settings).timeline(definition.name)
    return (now - moves[-1].happened_at).total_seconds() / 3600 if moves else None


def _told(incident: Incident, definition: ModelDefinition, settings: Settings) -> list[str]:
    from evergreen.connect.alerts.occasions import tell

    return [each.line for each in tell(incident, definition, settings)]


def _should_be_watched(definition: ModelDefinition, now: datetime) -> bool:
    """Return whether a scheduler runs this model's nights: not by hand, and not after its data has ended."""
    return definition.schedule.monitoring == "nightly" and not _has_ended(definition, now)


def _has_ended(definition: ModelDefinition, now: datetime) -> bool:
    last_day = definition.data.last_day
    return last_day is not None and definition.schedule.day_of(now) > last_day


def _models(settings: Settings) -> Iterator[ModelDefinition]:
    """Yield the definitions that can be read; a broken one is told of by its own DAG file and must not stop the others."""
    from evergreen.definitions import read_definitions

    yield from read_definitions(settings.definitions_dir).sound.values()
