"""Which challengers are on trial here: loaded beside their champions, asked as their rollouts say, let go when these end."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.serving.batching import Batcher
from evergreen.serving.breaker import Breaker
from evergreen.serving.challenger import Challenger
from evergreen.serving.paired import Paired
from evergreen.serving.release_cache import KnownRelease
from evergreen.serving.split import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime
    from typing import Any

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.live_models import LiveRelease
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.records import Trying
    from evergreen.serving.release_caches import ReleaseCaches
    from evergreen.serving.release_source import ReleaseSource

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""A challenger that could not be loaded is tried again after so long."""


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


@dataclass
class _Loaded:
    """A challenger, loaded or not, and what it was loaded for."""

    wanted: tuple[object, ...]
    challenger: Challenger
    executor: ThreadPoolExecutor
    next_attempt: float


class LiveTrials:
    """The challengers of one worker.

    Args:
        source: Versions and their decisions.
        caches: Their bytes.
        load: Loads a release.
        keep: Returns what keeps the answers of champion and challenger, before anybody is answered.
        executor: Threads for champions that would hold up the event loop.
    """

    def __init__(
        self,
        source: ReleaseSource,
        caches: ReleaseCaches,
        *,
        load: Callable[[KnownRelease, ModelDefinition], LoadedRelease],
        keep: Callable[[RolloutEvent, LoadedRelease, Challenger], Callable[[Sequence[Trying]], None]],
        executor: Executor,
    ) -> None:
        self._source = source
        self._caches = caches
        self._load = load
        self._keep = keep
        self._executor = executor
        self.live: dict[str, LiveTrial] = {}
        """By model. A request reads it once; a change replaces one entry at a time."""
        self._loaded: dict[str, _Loaded] = {}

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
        on = {event.model: event for event in events if event.is_on(now)}
        for model, event in on.items():
            live = models.get(model)
            if live is None or live.release.champion.version != event.champion_version:
                continue  # the champion has moved, or is about to be loaded
            challenger = self._challenger(event, publications, live)
            self._take_part(event, live, challenger)
        for model in set(self.live) - set(on):
            self._end(model)
        for model, live in models.items():
            trial = self.live.get(model)
            if trial is not None and live.release.champion.version != trial.event.champion_version:
                self._end(model)

    def end_expired(self, now: datetime) -> None:
        """End what nobody watches any more, while the registry cannot be asked."""
        for model in [model for model, trial in self.live.items() if not trial.event.is_on(now)]:
            self._end(model)

    def loaded(self, known: KnownRelease, stamp: str) -> LoadedRelease | None:
        """Return a release that is loaded here already, on trial; None where it is not, or is another by now."""
        found = self._loaded.get(known.champion.model)
        if found is None or found.wanted != (known.champion, known.online, stamp):
            return None
        return found.challenger.release

    def _challenger(
        self,
        event: RolloutEvent,
        publications: Mapping[tuple[str, str], OnlineInputsVersion],
        live: LiveRelease,
    ) -> Challenger:
        """Return the challenger, loaded if it can be; one that was loaded goes on where its newer inputs cannot be."""
        before = self._loaded.get(event.model)
        if before is not None and before.challenger.rollout_id != event.rollout_id:
            before = None
        if before is not None and time.monotonic() < before.next_attempt:
            return before.challenger
        try:
            version = self._source.registered(event.model, event.version)
            known = KnownRelease.of(version, publications.get((event.model, self._caches.features_key(version))))
            wanted = (known.champion, known.online, live.definition_stamp)
            if before is not None and before.wanted == wanted:
                return before.challenger
            self._source.vouch(version)
            release = self._load(known, live.definition)
        except Exception as error:  # whatever the challenger's own code raises: the champion goes on
            if not isinstance(error, EvergreenError):
                logger.exception("%s version %s", event.model, event.version)
            return self._not_loaded(event, live, before, error)
        logger.info("%s: version %s is on trial (%s)", event.model, event.version, event.mode)
        return self._replace(event, live, wanted, release)

    def _not_loaded(self, event: RolloutEvent, live: LiveRelease, before: _Loaded | None, error: Exception) -> Challenger:
        problem = error.what if isinstance(error, EvergreenError) else type(error).__name__
        if before is not None:
            before.next_attempt = time.monotonic() + RETRY_SECONDS
            return before.challenger
        logger.warning("%s: version %s is not on trial here: %s", event.model, event.version, problem)
        return self._replace(event, live, (), None, problem)

    def _replace(
        self,
        event: RolloutEvent,
        live: LiveRelease,
        wanted: tuple[object, ...],
        release: LoadedRelease | None,
        problem: str = "",
    ) -> Challenger:
        before = self._loaded.get(event.model)
        if before is not None:
            before.executor.shutdown(wait=False)
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"trial-{event.model}")
        limit_seconds = live.definition.release.trial.limits.time_limit_ms / 1000
        challenger = Challenger(
            release, problem, rollout_id=event.rollout_id, limit_seconds=limit_seconds, executor=executor, breaker=Breaker()
        )
        next_attempt = time.monotonic() + RETRY_SECONDS if problem else 0.0
        self._loaded[event.model] = _Loaded(wanted, challenger, executor, next_attempt)
        return challenger

    def _take_part(self, event: RolloutEvent, live: LiveRelease, challenger: Challenger) -> None:
        now = self.live.get(event.model)
        if now is not None and (now.event, now.champion, now.challenger) == (event, live.release, challenger):
            return
        champion = live.release
        key = event.key if event.key and set(event.key) <= set(champion.schema.row_types) else champion.key_fields
        batcher = Batcher(Paired(champion, challenger, self._keep(event, champion, challenger), executor=self._executor))
        self.live[event.model] = LiveTrial(event, champion, challenger, batcher, key)

    def _end(self, model: str) -> None:
        trial = self.live.pop(model, None)
        loaded = self._loaded.pop(model, None)
        if loaded is not None:
            loaded.executor.shutdown(wait=False)
        if trial is not None:
            logger.info("%s: the trial of version %s is over here", model, trial.event.version)
