"""What is kept of one answer, and of the release that gave it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from evergreen.predictors.manifest import BundleManifest

FeatureValue = float | str | None


class AnswerRecord(msgspec.Struct, array_like=True, gc=False, frozen=True, kw_only=True):
    """One answer. Moments are microseconds since 1970, UTC.

    The order of the fields is the format on disk: new ones go to the end and have a default.
    """

    request_id: str
    row: int
    """Position in the request, from 0."""
    key: str
    event_time_us: int
    moment_us: int
    """The moment of prediction: the event time less `predict_before`."""
    answered_at_us: int
    """By this machine's clock."""
    role: str
    """`champion`, `canary`, `shadow`, `failed`, `refused`; or `probe`, which is never kept."""
    release_version: str
    bundle_digest: str
    trained_through_us: int
    """Watermark of the release."""
    online_digest: str
    """Digest of the online inputs that the features rest on; empty where there were none."""
    online_as_of_us: int
    """The night those inputs are of. An answer about an earlier moment rests on later knowledge: no evidence."""
    inputs: dict[str, Any]
    """The fields of the request as they came: text, numbers, booleans, moments, None."""
    features: list[FeatureValue]
    """Values in the manifest's order: the numeric ones, then the categorical ones; missing is None or NaN."""
    probability: float
    """NaN where a challenger did not answer."""
    decision: bool
    review: bool
    latency_us: int
    """From the arrival of the request to this record."""
    compute_us: int = 0
    """How long this release took for the rows that it was asked at one go."""
    rollout_id: str = ""
    """The rollout that a challenger's record belongs to; empty for the champion's."""
    error: str = ""
    """Why a challenger did not answer, or the kind of error that requests were refused for."""
    champion_probability: float = math.nan
    """In a challenger's record: what the champion said of the same row."""
    champion_decision: bool | None = None
    champion_compute_us: int = 0
    """How long the champion took for the same rows."""
    worker_mb: float = 0.0
    """In a challenger's record: memory of the worker, as of about a second before."""
    requests: int = 1
    """Requests that a record of role `refused` counts."""


class AnsweringRelease(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What makes a release's records readable without it; stands in every segment that holds answers of it."""

    bundle_digest: str
    timezone: str
    """Whose midnight ends a day."""
    key: tuple[str, ...]
    """Fields that make up the key."""
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @classmethod
    def of(cls, bundle_digest: str, manifest: BundleManifest) -> AnsweringRelease:
        """Take it from a bundle's manifest."""
        layout = manifest.feature_layout
        return cls(
            bundle_digest=bundle_digest,
            timezone=layout.timezone,
            key=layout.tables[layout.rows].key,
            numeric=manifest.numeric,
            categorical=manifest.categorical,
        )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the values of `AnswerRecord.features`."""
        return (*self.numeric, *self.categorical)
