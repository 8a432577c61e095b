"""How the gateway is: ok, or degraded and why. It answers in either case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from evergreen.serving.access.key_ring import KeyRing
    from evergreen.serving.live_models import LiveModels


class HealthProblem(msgspec.Struct, frozen=True):
    """One thing that is not as it should be."""

    model: str
    """Empty where it is not about one model."""
    what: str
    found: str
    remedy: str


class GatewayHealth(msgspec.Struct, frozen=True):
    """How the gateway is."""

    status: Literal["ok", "degraded", "starting"]
    ready: bool
    """Whether every model that should be live is."""
    problems: list[HealthProblem]


def in_short(health: GatewayHealth) -> GatewayHealth:
    """Return how the gateway is without what is wrong: addresses and names are not for everybody."""
    hidden = HealthProblem("", "what is wrong is told to keys that may read every model", str(len(health.problems)), "send one")
    return msgspec.structs.replace(health, problems=[hidden] if health.problems else [])


def gateway_health(models: LiveModels, now: datetime | None = None, *, keys: KeyRing | None = None) -> GatewayHealth:
    """Return how the gateway is now."""
    now = now or datetime.now(UTC)
    problems = []
    if models.registry_problem is not None:
        error = models.registry_problem
        problems.append(HealthProblem("", f"{error.what}; answers go on with what was live last", error.found, error.remedy))
    if keys is not None and keys.problem is not None:
        error = keys.problem
        problems.append(HealthProblem("", f"{error.what}; the last good keys go on", error.found, error.remedy))
    problems += [HealthProblem(m, error.what, error.found, error.remedy) for m, error in sorted(models.problems.items())]
    for model, live in sorted(models.live.items()):
        age, limit = live.feature_age_seconds(now), live.release.serving.max_feature_age.total_seconds()
        if age > limit:
            problems.append(
                HealthProblem(
                    model,
                    "the entity features are old",
                    f"of {live.release.features_as_of}, {age / 3600:.1f} hours; the limit is {limit / 3600:.1f}",
                    f"look why <model>.scoring does not publish: evergreen status {model}",
                )
            )
    problems += [
        HealthProblem(
            model,
            "the challenger on trial is not loaded; the champion answers alone",
            trial.challenger.problem,
            f"look at its rollout: evergreen releases {model}",
        )
        for model, trial in sorted(models.trials.live.items())
        if trial.challenger.problem
    ]
    if not models.looks:
        return GatewayHealth("starting", False, problems)
    return GatewayHealth("degraded" if problems else "ok", models.is_ready, problems)
