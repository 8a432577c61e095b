"""What to do next, so that an endpoint comes to answer with the champion: a pure function of what SageMaker describes.

Nothing is remembered between two moves but the configuration that was asked for last, and even that may be forgotten: the
endpoint itself says how far a rollout has come. Whoever is killed between two calls goes on where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evergreen.errors import DeploymentError
from evergreen.sagemaker.documents import CHALLENGER, CHAMPION, Document, config_request, variant
from evergreen.sagemaker.seen import ANSWERING, AT_WORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions.release import RolloutStep
    from evergreen.definitions.sagemaker import SageMaker
    from evergreen.sagemaker.evidence import Look
    from evergreen.sagemaker.seen import Endpoint, Variant

Mode = Literal["direct", "shadow", "canary"]


@dataclass(frozen=True)
class Wanted:
    """What the endpoint is to answer with, and the way there."""

    model_name: str
    section: SageMaker
    mode: Mode = "direct"
    steps: tuple[RolloutStep, ...] = ()

    @property
    def config(self) -> Document:
        """The configuration in which the wanted model answers alone."""
        return config_request(self.section.endpoint, [self.as_variant(CHAMPION, 1.0)])

    def as_variant(self, name: str, weight: float) -> Document:
        """Return the wanted model as a variant."""
        section = self.section
        return variant(name, self.model_name, instance_type=section.instance_type, instances=section.instances, weight=weight)


@dataclass(frozen=True)
class Create:
    """Make the endpoint."""

    config: Document


@dataclass(frozen=True)
class Switch:
    """Bring the endpoint to another configuration."""

    config: Document
    is_guarded: bool
    why: str


@dataclass(frozen=True)
class Weigh:
    """Deal out requests otherwise."""

    weights: dict[str, float]
    why: str


@dataclass(frozen=True)
class Wait:
    """SageMaker is at work."""


@dataclass(frozen=True)
class Watch:
    """A step of the rollout goes on."""

    why: str


@dataclass(frozen=True)
class TakeBack:
    """The release is not to answer here."""

    why: str


@dataclass(frozen=True)
class Arrived:
    """The endpoint says that it is where it should be; that remains to be verified."""


Move = Create | Switch | Weigh | Wait | Watch | TakeBack | Arrived


def current_step(seen: Endpoint | None, wanted: Wanted) -> int | None:
    """Return the step, from 0, in which the wanted model is being tried out; None where it is not."""
    challenger = seen.challenger if seen is not None and seen.status == ANSWERING else None
    if seen is None or challenger is None or challenger.model_name != wanted.model_name or not wanted.steps:
        return None
    champion = seen.champion
    if champion is None or champion.model_name == wanted.model_name:
        return None
    share = _share(champion, challenger, is_shadow=bool(seen.shadow))
    reached = [place for place, step in enumerate(wanted.steps) if step.share <= share + 1e-4]
    return reached[-1] if reached else 0


def next_move(seen: Endpoint | None, wanted: Wanted, *, asked: str = "", look: Look | None = None) -> Move:
    """Decide what is to be done next.

    Args:
        seen: The endpoint, None where there is none.
        wanted: What it is to come to.
        asked: Name of the configuration that this attempt has switched to last; empty where it has not.
        look: What the evidence of the step says, where `current_step` is one.

    Raises:
        DeploymentError: The endpoint is in a state from which SageMaker lets nobody go on, or is somebody else's.
    """
    if seen is None:
        return Create(wanted.config)
    if seen.status in AT_WORK:
        return Wait()
    if seen.status != ANSWERING:
        raise _stuck(seen)
    if not seen.is_ours or seen.champion is None:
        raise _not_ours(seen)
    if asked and seen.config_name != asked:
        reason = seen.failure_reason or "it gives no reason"
        return TakeBack(f"SageMaker went back from configuration {asked} to {seen.config_name}: {reason}")
    if seen.config_name == wanted.config["EndpointConfigName"]:
        return Arrived()
    return _from_another(seen, seen.champion, wanted, look)


def _from_another(seen: Endpoint, champion: Variant, wanted: Wanted, look: Look | None) -> Move:
    """Decide for an endpoint that answers with another configuration."""
    if champion.model_name == wanted.model_name and seen.challenger is not None:
        return _end_trial(seen, wanted)
    step = current_step(seen, wanted)
    if step is not None and wanted.mode != "direct":
        return _in_step(seen, champion, wanted, step, look)
    if wanted.mode != "direct" and wanted.steps:
        return _begin_step(champion, wanted, 0)
    # A guarded update wants the same variants before and after.
    is_alone = seen.challenger is None
    return Switch(wanted.config, is_guarded=is_alone, why="the champion is another one")


def _end_trial(seen: Endpoint, wanted: Wanted) -> Move:
    """Take a challenger off an endpoint: first its requests, which takes seconds, then its machines."""
    challenger = seen.challenger
    if challenger is not None and challenger in seen.production and challenger.weight > 0:
        return Weigh({CHAMPION: 1.0, CHALLENGER: 0.0}, "the challenger was taken back")
    return Switch(wanted.config, is_guarded=False, why="the challenger was taken back")


def _in_step(seen: Endpoint, champion: Variant, wanted: Wanted, step: int, look: Look | None) -> Move:
    challenger = seen.challenger
    if challenger is not None and challenger.weight <= 0:
        return TakeBack("somebody has set its weight to 0")
    if look is None or look.outcome == "wait":
        return Watch(look.why if look is not None else "nothing was seen yet")
    if look.outcome == "take_back":
        return TakeBack(look.why)
    if step + 1 == len(wanted.steps):
        return Switch(wanted.config, is_guarded=False, why=f"the last step is over: {look.why}")
    if seen.shadow:
        return _begin_step(champion, wanted, step + 1)
    share = wanted.steps[step + 1].share
    return Weigh({CHAMPION: round(1.0 - share, 4), CHALLENGER: share}, f"step {step + 1} is over: {look.why}")


def _begin_step(champion: Variant, wanted: Wanted, step: int) -> Move:
    """Put the wanted model beside the champion."""
    share = wanted.steps[step].share
    endpoint, why = wanted.section.endpoint, f"{wanted.mode} step {step + 1} of {len(wanted.steps)}"
    if wanted.mode == "shadow":
        beside = {**champion.document, "InitialVariantWeight": 1.0}
        return Switch(config_request(endpoint, [beside], [wanted.as_variant(CHALLENGER, share)]), False, why)
    beside = {**champion.document, "InitialVariantWeight": round(1.0 - share, 4)}
    return Switch(config_request(endpoint, [beside, wanted.as_variant(CHALLENGER, share)]), False, why)


def _share(champion: Variant, challenger: Variant, *, is_shadow: bool) -> float:
    """Return the part of the requests that a challenger is asked."""
    total = champion.weight if is_shadow else champion.weight + challenger.weight
    return challenger.weight / total if total > 0 else 0.0


def _stuck(seen: Endpoint) -> DeploymentError:
    remedies = {
        "Failed": f"it can only be deleted: aws sagemaker delete-endpoint --endpoint-name {seen.name}; then clear this task",
        "UpdateRollbackFailed": "it answers with a mix of two configurations: update it to one of them by hand, then clear it",
    }
    return DeploymentError(
        "the endpoint is in a state from which it cannot be brought to the release",
        found=f"{seen.name} is {seen.status}: {seen.failure_reason or 'SageMaker gives no reason'}",
        allowed=f"{ANSWERING}, or one of {', '.join(AT_WORK)}",
        remedy=remedies.get(seen.status, "wait until SageMaker is done with it, then clear this task"),
    )


def _not_ours(seen: Endpoint) -> DeploymentError:
    names: Sequence[str] = [one.name for one in (*seen.production, *seen.shadow)]
    return DeploymentError(
        "the endpoint was configured by somebody else",
        found=f"{seen.name} with configuration {seen.config_name} and variants {', '.join(names)}",
        allowed="an endpoint that Evergreen has made, or none of that name",
        remedy="choose another name in release.sagemaker.endpoint, or delete the endpoint",
    )
