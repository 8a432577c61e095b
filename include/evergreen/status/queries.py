"""The one read-only module: what serves, why, and what the last nights did.

The command line, the plugin's pages and the docs ask here and nowhere else. Nothing is written, and MLflow is not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.files import Files
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.status.aliases import alias_state
from evergreen.status.answers import ModelStatus
from evergreen.status.nights import watched_nights
from evergreen.status.rollouts import is_written, rollout_standing
from evergreen.status.stored import disk_use, newest_candidates, newest_evaluation, newest_validation, scored_days

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.registry.decisions import DecisionRecord
    from evergreen.registry.timeline import ReleaseEvent
    from evergreen.results import ChampionVersion
    from evergreen.settings import Settings
    from evergreen.status.answers import WatchedNight

LAST = 10
"""Releases and decisions shown unless more are asked for."""


def model_status(settings: Settings, definition: ModelDefinition, *, last: int = LAST) -> ModelStatus:
    """Return everything there is to say about a model.

    Args:
        settings: Where things are.
        definition: The model.
        last: Most releases and decisions to return.

    Raises:
        StoreUnavailableError: Our own database or store did not answer; MLflow need not.
        DigestMismatchError: A decision record was changed after it was written.
    """
    model, files = definition.name, Files.from_settings(settings)
    champion, previous, timeline, decisions, nights = _books(settings, model, last)
    rollout, since = rollout_standing(settings, model)
    return ModelStatus(
        model=model,
        title=definition.title,
        owner=definition.owner,
        champion=champion,
        previous=previous,
        rollout=rollout,
        rollout_since=since,
        aliases=alias_state(settings, model, timeline[0] if timeline else None),
        timeline=timeline,
        decisions=decisions,
        candidates=newest_candidates(settings, model, files),
        evaluation=newest_evaluation(settings, model, files),
        validation=newest_validation(settings, model, files),
        nights=nights,
        scored=scored_days(settings, model, files),
        disk=disk_use(settings, model),
    )


def _books(
    settings: Settings, model: str, last: int
) -> tuple[
    ChampionVersion | None,
    ChampionVersion | None,
    tuple[ReleaseEvent, ...],
    tuple[DecisionRecord, ...],
    tuple[WatchedNight, ...],
]:
    """Return champion, previous, timeline, decisions and nights; nothing before anybody wrote."""
    if not is_written(settings):
        return None, None, (), (), ()
    registry = ReleaseRegistry(settings)
    timeline = tuple(registry.timeline(model, limit=last))
    champion = registry.version(model, timeline[0].version) if timeline else None
    before = timeline[0].previous_version if timeline else None
    previous = registry.version(model, before) if before else None
    decisions = tuple(DecisionStore(settings.database_url).list(model, limit=last))
    return champion, previous, timeline, decisions, watched_nights(settings, model, last)
