"""What a caller may want to know of a model before asking it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from evergreen.serving.live_models import LiveRelease
    from evergreen.serving.live_trials import LiveTrial


class TrialCard(msgspec.Struct, frozen=True):
    """A challenger that is tried out beside the release."""

    mode: str
    """`shadow`, `canary` or `blue_green`."""
    release_version: str
    step: int
    steps: int
    share: float
    """Part of the callers that it is asked for."""
    is_paused: bool
    is_loaded: bool
    """Whether this worker could load it."""
    is_stopped: bool
    """Whether this worker does not ask it for a while, because it kept failing."""


class ModelCard(msgspec.Struct, frozen=True):
    """One model as it answers now."""

    model: str
    title: str
    release_version: str
    bundle_digest: str
    decision_id: str
    algorithm: str
    trained_through: str
    threshold: float
    """Probability from which the answer is yes."""
    review: dict[str, float] | None
    """Probabilities that a person should look at, from `lowest` to `highest`."""
    features_as_of: str
    feature_age_seconds: float
    feature_engine: str
    live_since: str
    max_rows: int
    fields: dict[str, str]
    """Fields of a request row and their types; every one must be sent."""
    optional_fields: dict[str, str]
    """Joined columns that may be sent in place of what was published."""
    required_values: list[str]
    """Fields that may not be null."""
    rollout: TrialCard | None = None


def model_card(live: LiveRelease, trial: LiveTrial | None) -> ModelCard:
    """Return the card of a live release, and of the challenger beside it."""
    release, now = live.release, datetime.now(UTC)
    band = release.serving.review
    return ModelCard(
        model=release.model,
        title=release.title,
        release_version=release.champion.version,
        bundle_digest=release.champion.bundle_digest,
        decision_id=release.champion.decision_id,
        algorithm=release.manifest.algorithm,
        trained_through=_text(release.champion.trained_through),
        threshold=release.scorer.threshold,
        review=None if band is None else {"lowest": band.lowest, "highest": band.highest},
        features_as_of=release.features_as_of,
        feature_age_seconds=round(live.feature_age_seconds(now), 1),
        feature_engine=release.engine,
        live_since=_text(live.since),
        max_rows=release.schema.max_rows,
        fields=release.schema.row_types,
        optional_fields=release.schema.optional_types,
        required_values=sorted(release.schema.required_values),
        rollout=None if trial is None else _trial_card(trial),
    )


def _trial_card(trial: LiveTrial) -> TrialCard:
    event = trial.event
    return TrialCard(
        mode=event.mode,
        release_version=event.version,
        step=event.step,
        steps=event.steps,
        share=event.share,
        is_paused=event.is_paused,
        is_loaded=trial.challenger.release is not None,
        is_stopped=trial.challenger.breaker.is_open,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
