"""Section `release`: how a promoted challenger reaches traffic."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.sagemaker import SageMaker
from evergreen.definitions.words import Column, Duration, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

Rollout = Literal["direct", "shadow", "canary", "blue_green"]
FEWEST_DAYS = 5
"""Days of a comparison below which its bounds say nothing."""


MEASURED_BY_SAGEMAKER = frozenset({"max_failure_share", "confidence"})
"""Limits of a trial that an endpoint's own metrics can tell."""


class Approval(Section):
    """A person looks at the evidence before a promoted challenger is released."""

    response_timeout: Duration = timedelta(hours=24)
    """How long to wait for an answer. The run holds no worker meanwhile; the model's next training waits behind it."""
    default: Literal["approve", "reject"] = "reject"
    """The answer when nobody gives one."""


class RolloutStep(Section):
    """One step of a rollout: so much traffic for so long."""

    share: Annotated[float, Field(gt=0, le=1), "a share above 0, at most 1"]
    """Part of the callers whose requests the challenger answers, or in a shadow rollout: answers too."""
    hold: Duration = timedelta(minutes=10)
    """The step takes at least so long."""
    min_requests: int = Field(200, ge=1)
    """The step takes until the challenger was asked so often: no traffic is not health."""


class BehaviourLimits(Section):
    """What the challenger may do on live requests. Beyond a limit, and beyond doubt, it is taken back."""

    max_failure_share: float = Field(0.005, gt=0, lt=1)
    """Largest share of requests that it cannot answer: exceptions, values that are no probability, too late. Callers get the
    champion's answer in its place."""
    time_limit_ms: float = Field(250.0, gt=0)
    """Callers wait so long for the challenger; then they get the champion's answer."""
    max_slowdown: float = Field(5.0, gt=1)
    """It may take so many times as long as the champion for the same rows; a fifth of all requests may take longer."""
    max_disagreement: float = Field(0.4, gt=0, lt=1)
    """Largest share of requests whose decision is not the champion's."""
    max_mean_shift: float = Field(0.2, gt=0, lt=1)
    """Largest mean difference of the probability from the champion's, up or down, on the same requests."""
    min_rank_agreement: float = Field(0.2, gt=-1, lt=1)
    """Smallest Kendall's tau with the champion's probabilities: 1 is the same order, 0 none in common."""
    max_memory_mb: float = Field(2000.0, gt=0)
    """Most memory of a gateway's worker while the challenger is loaded."""
    confidence: float = Field(0.99, gt=0.5, lt=1)
    """How sure a rollback is, over all limits and all looks together: a challenger exactly at its limits is taken back by
    chance at most so rarely."""


class Trial(Section):
    """How a challenger is tried out on live requests."""

    key: tuple[Column, ...] = ()
    """Fields of a request whose values decide who is asked: the same values, the same release. Default: the key of the rows."""
    steps: tuple[RolloutStep, ...] = ()
    """The steps, one after the other. Default: 5 %, 25 % and 100 % for `canary`; all traffic at once for the others."""
    look_every: Duration = timedelta(seconds=10)
    """How often the answers are looked at."""
    give_up_after: Duration = timedelta(hours=24)
    """A step that has not come to its end by then ends the rollout: the challenger is taken back."""
    limits: BehaviourLimits = BehaviourLimits()
    """What the challenger may do."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a step that gives back traffic, and one that is given up before it is over."""
        for place, (before, step) in enumerate(pairwise(self.steps), start=1):
            if step.share <= before.share:
                yield Mistake(
                    ("steps", place, "share"),
                    "a step must have more traffic than the one before",
                    f"{spell(step.share)} after {spell(before.share)}",
                    "shares that grow",
                    rests_on=(("steps", place - 1, "share"),),
                )
        for place, step in enumerate(self.steps):
            if step.hold >= self.give_up_after:
                yield Mistake(
                    ("steps", place, "hold"),
                    "the step is given up before it is over",
                    "`hold` not below `give_up_after`",
                    "a shorter `hold`, or a longer `give_up_after`",
                    rests_on=(("give_up_after",),),
                )


class Probation(Section):
    """A new champion beside the one it replaced, on what came true since. Worse beyond doubt, it is taken back."""

    enabled: bool = True
    """False: compare, decide and tell as if, but take nothing back."""
    look_after_days: tuple[Annotated[int, Field(ge=1)], ...] = (14, 21, 28)
    """Days since the release, all of them matured, on which both are compared; one look for each number. None: no probation."""
    minimum_effect: float = Field(0.005, ge=0)
    """Smallest loss of the gate's primary metric that is worth going back for, in the metric's unit."""
    confidence: float = Field(0.99, gt=0.5, lt=1)
    """How sure it must be that the new champion is worse at all, over all looks together: one as good as the one before is
    taken back by chance at most so rarely."""

    @property
    def confidence_of_a_look(self) -> float:
        """Confidence of each look, so that all of them together are as sure as is asked for (Bonferroni)."""
        return 1.0 - (1.0 - self.confidence) / max(len(self.look_after_days), 1)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a look at too few days, and one that does not come after the one before."""
        for place, days in enumerate(self.look_after_days):
            if days < FEWEST_DAYS:
                yield Mistake(
                    ("look_after_days", place),
                    "the look comes too soon: days are the independent units",
                    spell(days),
                    f"at least {FEWEST_DAYS}",
                )
        for place, (before, days) in enumerate(pairwise(self.look_after_days), start=1):
            if days <= before:
                yield Mistake(
                    ("look_after_days", place),
                    "a look must come after the one before",
                    f"{spell(days)} after {spell(before)}",
                    "numbers that grow",
                    rests_on=(("look_after_days", place - 1),),
                )


ALL_AT_ONCE = (RolloutStep(share=1.0),)
DEFAULT_STEPS: dict[Rollout, tuple[RolloutStep, ...]] = {
    "direct": (),
    "shadow": ALL_AT_ONCE,
    "canary": (RolloutStep(share=0.05), RolloutStep(share=0.25), RolloutStep(share=1.0)),
    "blue_green": ALL_AT_ONCE,
}


class ReleasePlan(Section):
    """How a promoted challenger reaches traffic."""

    target: Literal["gateway", "sagemaker"] = "gateway"
    """Who answers callers: Evergreen's gateway, or an endpoint of Amazon SageMaker, which follows the champion."""
    sagemaker: SageMaker | None = None
    """The endpoint; for `target: sagemaker`, and only there."""
    rollout: Rollout = "direct"
    """`direct`: the champion moves at once, after the smoke test. `shadow`: before that, the challenger answers the same
    requests unseen. `canary`: it answers a growing part of the callers. `blue_green`: it answers all of them at once, with the
    champion beside it."""
    trial: Trial = Trial()
    """How the challenger is tried out on live requests; not for `direct`."""
    approval: Approval | None = None
    """Ask a person before a release; none: the gate's verdict is enough."""
    probation: Probation = Probation()
    """How long the one before stays beside a new champion, and what takes the new one back."""
    smoke_rows: int = Field(200, ge=1)
    """Stored rows that a fresh process must answer as before."""
    smoke_tolerance: float = Field(1e-6, ge=0)
    """Largest absolute difference of a probability in the smoke test."""
    smoke_memory_mb: float = Field(1500.0, gt=0)
    """Most memory the fresh process may use."""

    @property
    def steps(self) -> tuple[RolloutStep, ...]:
        """The steps of the rollout on the gateway; none where it is direct, or where an endpoint answers."""
        return () if self.target == "sagemaker" else self.trial.steps or DEFAULT_STEPS[self.rollout]

    @property
    def endpoint_steps(self) -> tuple[RolloutStep, ...]:
        """The steps of the rollout on an endpoint; none where it is direct, or where the gateway answers."""
        return (self.trial.steps or DEFAULT_STEPS[self.rollout]) if self.target == "sagemaker" else ()

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a trial that the rollout does not have."""
        given = self.trial.steps
        if self.rollout == "blue_green" and given and [step.share for step in given] != [1.0]:
            yield Mistake(
                ("trial", "steps"),
                "blue/green switches all traffic at once",
                f"steps of {', '.join(spell(step.share) for step in given)}",
                "one step with `share: 1.0`, or `rollout: canary`",
                rests_on=(("rollout",),),
            )
        yield from self._target_mistakes()
        if self.rollout == "direct" and self.trial != Trial():
            yield Mistake(
                ("trial",),
                "a direct rollout has no trial",
                "`rollout: direct` and a `trial`",
                "`rollout: shadow`, `canary` or `blue_green`; or no `trial`",
                rests_on=(("rollout",),),
            )

    def _target_mistakes(self) -> Iterator[Mistake]:
        """Yield what the target lacks, or cannot do."""
        if self.target == "gateway":
            if self.sagemaker is not None:
                yield Mistake(
                    ("sagemaker",),
                    "nothing is brought to the endpoint",
                    "`sagemaker` and `target: gateway`",
                    "`target: sagemaker`, or no section `sagemaker`",
                    rests_on=(("target",),),
                )
            return
        if self.sagemaker is None:
            yield Mistake(
                ("target",),
                "there is no endpoint to bring releases to",
                "`target: sagemaker` and no section `sagemaker`",
                "a section `sagemaker` with `endpoint`, `role_arn` and `image`",
                rests_on=(("sagemaker",),),
            )
        if self.rollout == "blue_green":
            yield Mistake(
                ("rollout",),
                "an endpoint knows no such rollout",
                "`blue_green` and `target: sagemaker`",
                "`direct`, which SageMaker does blue/green by itself; `shadow`; `canary`",
                rests_on=(("target",),),
            )
        yield from self._unseen_on_an_endpoint()

    def _unseen_on_an_endpoint(self) -> Iterator[Mistake]:
        """Yield what a trial asks for and SageMaker does not measure or cannot decide on."""
        if self.trial.key:
            yield Mistake(
                ("trial", "key"),
                "SageMaker deals out requests by chance, whoever asks",
                f"a key of {', '.join(self.trial.key)}",
                "no `key`, or `target: gateway`",
                rests_on=(("target",),),
            )
        for name in sorted(self.trial.limits.model_fields_set - MEASURED_BY_SAGEMAKER):
            yield Mistake(
                ("trial", "limits", name),
                "SageMaker does not measure it",
                f"`{name}` and `target: sagemaker`",
                "`max_failure_share` and `confidence`; other limits as alarms, in `sagemaker.alarms`",
                rests_on=(("target",),),
            )
