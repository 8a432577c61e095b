"""Which challengers are on trial here: asked beside their champions as their rollouts say, and let go when these end."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.serving.batching import Batcher
from evergreen.serving.paired import Paired
from evergreen.serving.split import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime
    from typing import Any

    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.challenger import Challenger
    from evergreen.serving.challengers import Challengers
    from evergreen.serving.live_models import LiveRelease
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.records import Trying
    from evergreen.serving.release_cache import KnownRelease

logger = logging.getLogger(__name__)

BLIND = timedelta(seconds=30)
"""Who has not heard of the registry for so long asks no challenger: it may have been taken back."""


@dataclass(frozen=True)
class LiveTrial:
    """A rollout as this worker takes part in it."""

    event: RolloutEvent
    champion: LoadedRelease
    challenger: Challenger
    batcher: Batcher
    key: Sequence[str]

    def asks(self, row: Any) -> bool:
        """Return whether a request with this first row is one for the challenger."""
        return place(self.event.rollout_id, self.champion.schema.values(row, self.key)) < self.event.share


class LiveTrials:
    """The trials of one worker.

    Args:
        challengers: The challengers, loaded or being loaded.
        keep: Returns what keeps the answers of champion and challenger, before anybody is answered.
        executor: Threads for champions that would hold up the event loop.
    """

    def __init__(
        self,
        challengers: Challengers,
        *,
        keep: Callable[[RolloutEvent, LoadedRelease, Challenger], Callable[[Sequence[Trying]], None]],
        executor: Executor,
    ) -> None:
        self._challengers = challengers
        self._keep = keep
        self._executor = executor
        self.live: dict[str, LiveTrial] = {}
        """By model. A request reads it once; a change replaces one entry at a time."""
        self._synced_at: datetime | None = None

    def sync(
        self,
        events: Iterable[RolloutEvent],
        publications: Mapping[tuple[str, str], OnlineInputsVersion],
        models: Mapping[str, LiveRelease],
        now: datetime,
    ) -> None:
        """Bring every trial to what the registry wants; called by one thread at a time.

        Args:
            events: Where each model's newest rollout stands.
            publications: The newest online inputs by model and features key.
            models: The champions that are live here.
            now: The time.
        """
        self._synced_at = now
        on = {event.model: event for event in events if event.is_on(now) and _is_beside(event, models)}
        for model, event in on.items():
            challenger = self._challengers.of(event, publications, models[model])
            if challenger is not None:
                self._take_part(event, models[model].release, challenger)
        for model in set(self.live) - set(on):
            self._end(model)
        self._challengers.let_go_of_others(on)

    def end_unknown(self, now: datetime) -> None:
        """End what may be over, while the registry cannot be asked: what has expired and, after a while, everything."""
        is_blind = self._synced_at is None or now - self._synced_at > BLIND
        for model in [model for model, trial in self.live.items() if is_blind or not trial.event.is_on(now)]:
            self._end(model)

    def release(self, known: KnownRelease, stamp: str) -> LoadedRelease | None:
        """Return a release that is loaded here already, on trial; None where it is not."""
        return self._challengers.release(known, stamp)

    def _take_part(self, event: RolloutEvent, champion: LoadedRelease, challenger: Challenger) -> None:
        now = self.live.get(event.model)
        if now is not None and (now.event, now.champion, now.challenger) == (event, champion, challenger):
            return
        key = event.key if event.key and set(event.key) <= set(champion.schema.row_types) else champion.key_fields
        batcher = Batcher(Paired(champion, challenger, self._keep(event, champion, challenger), executor=self._executor))
        self.live[event.model] = LiveTrial(event, champion, challenger, batcher, key)

    def _end(self, model: str) -> None:
        trial = self.live.pop(model)
        self._challengers.let_go(model)
        logger.info("%s: the trial of version %s is over here", model, trial.event.version)


def _is_beside(event: RolloutEvent, models: Mapping[str, LiveRelease]) -> bool:
    """Return whether the champion that a challenger was judged against is the one that is live here."""
    live = models.get(event.model)
    return live is not None and live.release.champion.version == event.champion_version
