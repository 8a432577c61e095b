"""Metrics as Prometheus reads them: text format 0.0.4, every family once, with its meaning and type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Kind = Literal["counter", "gauge", "histogram"]

FAMILIES: dict[str, tuple[Kind, str]] = {
    "requests_total": ("counter", "Requests to a model, by HTTP status."),
    "errors_total": ("counter", "Requests that were not answered, by kind."),
    "rows_total": ("counter", "Rows answered by a release."),
    "decisions_total": ("counter", "Rows answered by a release, by decision."),
    "reviews_total": ("counter", "Rows left to a person."),
    "feature_fallbacks_total": ("counter", "Batches whose features pandas computed because the quick engine could not."),
    "latency_seconds": ("histogram", "From the arrival of a request to its answer, by release."),
    "queue_rows": ("gauge", "Rows that wait to be computed."),
    "largest_batch_rows": ("gauge", "Most rows answered at one go since the release became live."),
    "release_info": ("gauge", "1 for the release that is live, with its digests and the engine of its features."),
    "model_age_seconds": ("gauge", "Since the newest row that the live release has learned from."),
    "feature_age_seconds": ("gauge", "Since the night of the entity features."),
    "feature_age_limit_seconds": ("gauge", "Age from which the gateway calls itself degraded (serving.max_feature_age)."),
    "live_since_timestamp_seconds": ("gauge", "When the live release took its place here."),
    "trial_share": ("gauge", "Part of the callers that a challenger on trial is asked for, by rollout."),
    "trial_loaded": ("gauge", "Whether the challenger on trial is loaded."),
    "trial_stopped": ("gauge", "Whether the challenger is not asked for a while, because it kept failing."),
    "trial_requests_total": ("counter", "Requests that a challenger on trial was asked, by what came of them."),
    "swaps_total": ("counter", "Times that one release took another's place."),
    "model_problem": ("gauge", "1 where something keeps a model from being what the registry wants."),
    "registry_up": ("gauge", "Whether the registry answered when it was last asked."),
    "keys": ("gauge", "Entries of the file of keys, where the gateway asks for one."),
    "keys_file_up": ("gauge", "Whether that file can be used; if not, the last good keys go on."),
    "degraded": ("gauge", "Whether /health says degraded."),
    "answers_kept_total": ("counter", "Answers written to the spool."),
    "answers_refused_total": ("counter", "Answers that were not given because the spool is full."),
    "answers_dropped_total": ("counter", "Answers that were given and not kept because the spool is full."),
    "spool_bytes": ("gauge", "Disk space of the spools of all workers."),
    "spool_limit_bytes": ("gauge", "Disk space that they may use."),
    "spool_waiting_segments": ("gauge", "Segments that wait to be shipped."),
    "spool_oldest_seconds": ("gauge", "How long the oldest of them has waited."),
    "spool_sync_failures_total": ("counter", "Times that the disk did not take what was written."),
    "resident_memory_bytes": ("gauge", "Memory of the worker."),
    "started_timestamp_seconds": ("gauge", "When the worker started."),
}
"""Name after `evergreen_gateway_` → type and meaning; docs/guides/gateway.md lists them."""
_PREFIX = "evergreen_gateway_"


class Sample(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """One value."""

    family: str
    labels: dict[str, str]
    value: float
    suffix: str = ""
    """`_bucket`, `_sum` or `_count` of a histogram."""


def metric_text(samples: Iterable[Sample]) -> str:
    """Return samples as one page, each family together and in the order of `FAMILIES`."""
    by_family: dict[str, list[Sample]] = {}
    for sample in samples:
        by_family.setdefault(sample.family, []).append(sample)
    lines = []
    for family, (kind, meaning) in FAMILIES.items():
        found = by_family.get(family)
        if found:
            lines += [f"# HELP {_PREFIX}{family} {meaning}", f"# TYPE {_PREFIX}{family} {kind}"]
            lines += [f"{_PREFIX}{family}{one.suffix}{_labels(one.labels)} {_number(one.value)}" for one in found]
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))
