"""One worker's counters, and those of the workers beside it: a scrape reaches any of them and hears of all."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from evergreen.serving.health import gateway_health
from evergreen.serving.metric_text import Sample
from evergreen.serving.release_metrics import LATENCY_BOUNDS_SECONDS, ReleaseMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.serving.access.key_ring import KeyRing
    from evergreen.serving.live_models import LiveModels, LiveRelease
    from evergreen.serving.live_trials import LiveTrial
    from evergreen.serving.log import AnswerSpool

_SAMPLES = msgspec.msgpack.Decoder(list[Sample])
_SUFFIX = ".metrics"
_KEPT_RELEASES = 50
"""Releases whose counters go on being shown; those that were live last."""


@dataclass(frozen=True)
class _Trial:
    """What came of asking one challenger."""

    rollout_id: str
    version: str
    outcomes: Counter[str]
    """Requests by `canary`, `shadow`, `blue_green`, `failed` and `skipped`."""


class WorkerMetrics:
    """The counters of one worker.

    Args:
        folder: Where workers leave their counters for each other.
        keys: What opens the gateway; none where nothing has to.
    """

    def __init__(self, folder: Path, keys: KeyRing | None = None) -> None:
        self._folder = folder
        self._keys = keys
        self._releases: dict[tuple[str, str], ReleaseMetrics] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()
        """Requests by model and HTTP status; the model is empty where none was meant."""
        self.errors: Counter[tuple[str, str]] = Counter()
        """Refused requests by model and kind."""
        self.worker_mb = resident_bytes() / 2**20
        """Memory of this worker, as of the last look."""
        self._trials: dict[str, _Trial] = {}
        self._started = time.time()

    def of_release(self, model: str, version: str) -> ReleaseMetrics:
        """Return a release's counters; the same ones when it becomes live again."""
        found = self._releases.pop((model, version), None) or ReleaseMetrics()
        self._releases[model, version] = found
        while len(self._releases) > _KEPT_RELEASES:
            self._releases.pop(next(iter(self._releases)))
        return found

    def of_trial(self, event: RolloutEvent) -> Counter[str]:
        """Return the outcomes of a model's newest rollout; the same ones as it goes from step to step."""
        found = self._trials.get(event.model)
        if found is None or found.rollout_id != event.rollout_id:
            found = self._trials[event.model] = _Trial(event.rollout_id, event.version, Counter())
        return found.outcomes

    def samples(self, models: LiveModels, spool: AnswerSpool) -> list[Sample]:
        """Return everything this worker has to say."""
        # Copies: the event loop goes on counting while a thread reads.
        found = [
            Sample("requests_total", {"model": model, "status": str(status)}, count)
            for (model, status), count in sorted(self.statuses.copy().items())
        ]
        found += [
            Sample("errors_total", {"model": m, "kind": kind}, count) for (m, kind), count in sorted(self.errors.copy().items())
        ]
        for (model, version), metrics in list(self._releases.items()):
            found += _of_release({"model": model, "release": version}, metrics)
        for model, trial in list(self._trials.items()):
            labels = {"model": model, "release": trial.version}
            found += [
                Sample("trial_requests_total", {**labels, "outcome": what}, count)
                for what, count in sorted(trial.outcomes.copy().items())
            ]
        for trial_now in list(models.trials.live.values()):
            found += _of_live_trial(trial_now)
        now = datetime.now(UTC)
        for live in list(models.live.values()):
            found += _of_live(live, now)
        found += [Sample("model_problem", {"model": model}, 1) for model in models.problems]
        found += _of_worker(models, self._keys, self._started)
        found += _of_spool(spool)
        return found

    def publish(self, models: LiveModels, spool: AnswerSpool) -> None:
        """Leave this worker's counters where the others find them."""
        self.worker_mb = resident_bytes() / 2**20
        data = msgspec.msgpack.encode(self.samples(models, spool))
        temporary = self._own.with_suffix(".new")
        with suppress(OSError):  # counters are not worth a request
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.replace(self._own)

    def gathered(self, models: LiveModels, spool: AnswerSpool) -> list[Sample]:
        """Return the samples of every worker that lives, each with its process number as `worker`."""
        found = [_of(str(os.getpid()), sample) for sample in self.samples(models, spool)]
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if self._folder.is_dir() else ():
            if path == self._own:
                continue
            if not Path(f"/proc/{path.stem}").exists() and not _is_alive(path.stem):
                path.unlink(missing_ok=True)
                continue
            with suppress(OSError, msgspec.DecodeError):
                found += [_of(path.stem, sample) for sample in _SAMPLES.decode(path.read_bytes())]
        return found

    def close(self) -> None:
        """Take this worker's counters away."""
        self._own.unlink(missing_ok=True)

    @property
    def _own(self) -> Path:
        return self._folder / f"{os.getpid()}{_SUFFIX}"


def resident_bytes() -> int:
    """Return the memory that this process holds now."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)


def _of(worker: str, sample: Sample) -> Sample:
    return msgspec.structs.replace(sample, labels={**sample.labels, "worker": worker})


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return False
    return True


def _of_release(labels: dict[str, str], metrics: ReleaseMetrics) -> Iterator[Sample]:
    yield Sample("rows_total", labels, metrics.rows)
    yield Sample("decisions_total", {**labels, "decision": "yes"}, metrics.yes)
    yield Sample("decisions_total", {**labels, "decision": "no"}, metrics.rows - metrics.yes)
    yield Sample("reviews_total", labels, metrics.reviews)
    yield Sample("feature_fallbacks_total", labels, metrics.fallbacks)
    below = 0
    buckets = list(metrics.buckets)
    for bound, count in zip([*LATENCY_BOUNDS_SECONDS, None], buckets, strict=True):
        below += count
        yield Sample("latency_seconds", {**labels, "le": "+Inf" if bound is None else repr(bound)}, below, "_bucket")
    yield Sample("latency_seconds", labels, metrics.latency_seconds, "_sum")
    yield Sample("latency_seconds", labels, below, "_count")


def _of_live(live: LiveRelease, now: datetime) -> Iterator[Sample]:
    release = live.release
    labels = {"model": release.model, "release": release.champion.version}
    info = {"bundle": release.champion.bundle_digest, "online": release.online.digest, "engine": release.engine}
    yield Sample("queue_rows", {"model": release.model}, live.batcher.waiting_rows)
    yield Sample("largest_batch_rows", labels, live.batcher.largest_batch)
    yield Sample("release_info", {**labels, **info}, 1)
    yield Sample("model_age_seconds", labels, (now - release.champion.trained_through).total_seconds())
    yield Sample("feature_age_seconds", labels, live.feature_age_seconds(now))
    yield Sample("feature_age_limit_seconds", labels, release.serving.max_feature_age.total_seconds())
    yield Sample("live_since_timestamp_seconds", labels, live.since.timestamp())


def _of_live_trial(trial: LiveTrial) -> Iterator[Sample]:
    labels = {"model": trial.event.model, "release": trial.event.version}
    yield Sample("trial_share", {**labels, "mode": trial.event.mode}, trial.event.share)
    yield Sample("trial_loaded", labels, float(trial.challenger.release is not None))
    yield Sample("trial_stopped", labels, float(trial.challenger.breaker.is_open))


def _of_worker(models: LiveModels, keys: KeyRing | None, started: float) -> Iterator[Sample]:
    yield Sample("swaps_total", {}, models.swaps)
    yield Sample("registry_up", {}, float(models.registry_problem is None and models.looks > 0))
    yield Sample("degraded", {}, float(gateway_health(models, keys=keys).status != "ok"))
    if keys is not None:
        yield Sample("keys", {}, len(keys))
        yield Sample("keys_file_up", {}, float(keys.problem is None))
    yield Sample("resident_memory_bytes", {}, resident_bytes())
    yield Sample("started_timestamp_seconds", {}, started)


def _of_spool(spool: AnswerSpool) -> Iterator[Sample]:
    state = spool.state()
    yield Sample("answers_kept_total", {}, state.kept)
    yield Sample("answers_refused_total", {}, state.refused)
    yield Sample("answers_dropped_total", {}, state.dropped)
    yield Sample("spool_bytes", {}, state.used_bytes)
    yield Sample("spool_limit_bytes", {}, state.limit_bytes)
    yield Sample("spool_waiting_segments", {}, state.waiting_segments)
    yield Sample("spool_oldest_seconds", {}, state.oldest_seconds)
    yield Sample("spool_sync_failures_total", {}, state.sync_failures)
