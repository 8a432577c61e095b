"""Which release of which model is live: looked up every second, loaded beside the old one, switched between two requests.

A release takes the old one's place only when it has been vouched for, loaded and warmed up. Whatever goes wrong on the way, the
old one goes on and the problem is told. Requests that the old one has taken, it answers.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.serving.release_cache import KnownRelease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.online_versions import OnlineInputsVersion
    from evergreen.results import ChampionVersion
    from evergreen.serving.batching import Batcher
    from evergreen.serving.definition_files import DefinitionFiles
    from evergreen.serving.live_trials import LiveTrials
    from evergreen.serving.loaded_release import LoadedRelease
    from evergreen.serving.release_caches import ReleaseCaches
    from evergreen.serving.release_source import Releases

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""A release that could not be loaded is tried again after 1, 2, 4 … seconds, at most this many."""


@dataclass(frozen=True)
class LiveRelease:
    """A release that answers."""

    release: LoadedRelease
    batcher: Batcher
    definition: ModelDefinition
    definition_stamp: str
    """Which text of the definition it was loaded with."""
    since: datetime

    def feature_age_seconds(self, now: datetime) -> float:
        """Return how old the entity features are.

        Where a data set has ended no night can bring newer ones; there the age counts from their publication.
        """
        online, last_day = self.release.online, self.definition.data.last_day
        has_ended = last_day is not None and now > self.definition.schedule.moment(last_day + timedelta(days=1))
        return max(0.0, (now - (online.published_at if has_ended else online.as_of)).total_seconds())


@dataclass
class _Failure:
    """What keeps a model from changing to what it should be."""

    wanted: tuple[object, ...]
    error: EvergreenError
    attempts: int
    next_attempt: float


class LiveModels:
    """The releases of one worker.

    Args:
        source: What should be live.
        caches: What was, and its bytes.
        definitions: How the models' definitions want them served.
        load: Loads a release.
        put_live: Makes a loaded release ready to take requests, before it gets any.
        trials: Challengers that are tried out beside them.
        models: Serve only these; empty means every model that has a champion.
    """

    def __init__(
        self,
        source: Releases,
        caches: ReleaseCaches,
        definitions: DefinitionFiles,
        *,
        load: Callable[[KnownRelease, ModelDefinition], LoadedRelease],
        put_live: Callable[[LoadedRelease, ModelDefinition], Batcher],
        trials: LiveTrials,
        models: Collection[str] = (),
    ) -> None:
        self._source = source
        self._caches = caches
        self._definitions = definitions
        self._load = load
        self._put_live = put_live
        self.trials = trials
        self._models = frozenset(models)
        self.live: dict[str, LiveRelease] = {}
        """By model. A request reads it once; a change replaces one entry at a time."""
        self.registry_problem: EvergreenError | None = None
        """Why the registry could not be asked; none where it answered last time."""
        self.swaps = 0
        """Times that one release took another's place."""
        self.looks = 0
        """Times that the registry was looked at or missed; 0 means that nothing is known yet."""
        self._failures: dict[str, _Failure] = {}
        self._keys: dict[str, str] = {}
        self._looked = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def problems(self) -> dict[str, EvergreenError]:
        """Per model what keeps it from being what the registry wants; the last release goes on meanwhile."""
        return {model: failure.error for model, failure in list(self._failures.items())}

    @property
    def wanted(self) -> set[str]:
        """Models that are or should be live."""
        return {*self.live, *list(self._failures), *self._models}

    @property
    def is_ready(self) -> bool:
        """Whether every model that should be live is, by an older release perhaps; false while there is none at all."""
        return bool(self.live) and self.wanted <= set(self.live)

    def start(self, after_look: Callable[[], None] = lambda: None) -> None:
        """Look once a second, in a thread, and call something after every look."""

        def run() -> None:
            while True:
                try:
                    self.sync()
                    after_look()
                except Exception:
                    logger.exception("looking for releases failed")
                self._looked.set()
                if self._stop.wait(POLL_SECONDS):
                    return

        self._thread = threading.Thread(target=run, name="live-models", daemon=True)
        self._thread.start()

    def wait_for_first_look(self, limit_seconds: float) -> None:
        """Wait until what should be live has been looked up once and loaded, or could not be."""
        self._looked.wait(limit_seconds)

    def stop(self) -> None:
        """End the thread; what it is loading, it finishes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)

    def sync(self) -> None:
        """Bring every model to what the registry wants; called by one thread at a time."""
        try:
            champions = self._source.champions()
            publications = self._source.publications()
            rollouts = self._source.rollouts()
        except EvergreenError as error:
            if self.registry_problem is None:
                logger.warning("the registry cannot be asked: %s", error)
            self.registry_problem = error
            self._restore()
            self.trials.end_unknown(datetime.now(UTC))
        else:
            self.registry_problem = None
            # A champion cannot be taken out of the registry, so a model that is missing there is another database's doing.
            for champion in champions:
                if not self._models or champion.model in self._models:
                    self._bring(champion, publications)
            self.trials.sync(rollouts, publications, self.live, datetime.now(UTC))
        self.looks += 1

    def _bring(self, champion: ChampionVersion, publications: dict[tuple[str, str], OnlineInputsVersion]) -> None:
        model = champion.model
        try:
            stamp = self._definitions.stamp(model)
        except EvergreenError as error:
            self._failed(model, (champion,), error)
            return
        wanted: tuple[object, ...] = (champion, stamp)
        try:
            if champion.bundle_digest not in self._keys:
                if not self._may_try(model, wanted):
                    return
                self._source.vouch(champion)
                self._keys[champion.bundle_digest] = self._caches.features_key(champion)
            online = publications.get((model, self._keys[champion.bundle_digest]))
            wanted = (champion, stamp, online)
            if self._is_live(model, wanted) or not self._may_try(model, wanted):
                return
            self._source.vouch(champion)
            self._switch(KnownRelease.of(champion, online), stamp)
        except EvergreenError as error:
            self._failed(model, wanted, error)
        except Exception as error:
            logger.exception("%s version %s cannot be loaded", model, champion.version)
            self._failed(model, wanted, _not_loadable(champion, error))
        else:
            self._failures.pop(model, None)

    def _restore(self) -> None:
        """Take what was live last from this machine's cache, for models that are not live."""
        for model, known in self._caches.remembered().items():
            if model in self.live or (self._models and model not in self._models):
                continue
            wanted: tuple[object, ...] = (known,)
            if not self._may_try(model, wanted):
                continue
            try:
                self._switch(known, self._definitions.stamp(model))
            except EvergreenError as error:
                self._failed(model, wanted, error)
            except Exception as error:
                logger.exception("%s version %s cannot be loaded from the cache", model, known.champion.version)
                self._failed(model, wanted, _not_loadable(known.champion, error))
            else:
                self._failures.pop(model, None)

    def _switch(self, known: KnownRelease, stamp: str) -> None:
        started = time.monotonic()
        model = known.champion.model
        definition = self._definitions.load(model)
        release = self.trials.release(known, stamp) or self._load(known, definition)
        batcher = self._put_live(release, definition)
        before = self.live.get(model)
        self.live[model] = LiveRelease(release, batcher, definition, stamp, datetime.now(UTC))
        self.swaps += before is not None
        logger.info(
            "%s: version %s as of %s is live after %.1f s%s",
            model,
            known.champion.version,
            release.features_as_of,
            time.monotonic() - started,
            f", in place of version {before.release.champion.version}" if before else "",
        )
        self._caches.remember(known)

    def _is_live(self, model: str, wanted: tuple[object, ...]) -> bool:
        live = self.live.get(model)
        if live is None or (live.release.champion, live.definition_stamp, live.release.online) != wanted:
            return False
        self._failures.pop(model, None)
        return True

    def _may_try(self, model: str, wanted: tuple[object, ...]) -> bool:
        failure = self._failures.get(model)
        return failure is None or failure.wanted != wanted or time.monotonic() >= failure.next_attempt

    def _failed(self, model: str, wanted: tuple[object, ...], error: EvergreenError) -> None:
        before = self._failures.get(model)
        again = before is not None and before.wanted == wanted
        attempts = before.attempts + 1 if before is not None and again else 1
        wait = min(POLL_SECONDS * 2 ** (attempts - 1), LONGEST_WAIT_SECONDS)
        if not again:
            logger.warning("%s stays as it is: %s", model, error)
        self._failures[model] = _Failure(wanted, error, attempts, time.monotonic() + wait)


def _not_loadable(champion: ChampionVersion, error: Exception) -> EvergreenError:
    return EvergreenError(
        "a release cannot be loaded",
        found=f"version {champion.version} of {champion.model}: {type(error).__name__}: {str(error)[:200]}",
        allowed="a release that loads",
        remedy="look into the gateway's log; the release before goes on",
    )
