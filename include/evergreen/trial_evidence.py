"""What a rollout decides on: what was seen of a challenger on live requests, and what was made of it.

Evidence is stored as canonical bytes with the limits it is held against. A decision is a pure function of those bytes, and a
page is a pure function of both, so each can be made again years later without a table or a clock.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, Field, FiniteFloat

from evergreen.definitions.release import BehaviourLimits
from evergreen.results import Result, canonical_bytes

Measured = FiniteFloat | None
"""A finite number, or None for what could not be measured."""
BINS_PER_UNIT = 1000
"""Differences of probabilities are kept in bins this fine."""


class StepOfTrial(Result):
    """The step that is looked at, and what it takes to pass it."""

    mode: Literal["shadow", "canary", "blue_green"]
    number: int
    """From 1."""
    steps: int
    share: FiniteFloat
    """Part of the callers that the challenger is asked for."""
    began_at: AwareDatetime
    hold_seconds: FiniteFloat
    min_requests: int
    expires_at: AwareDatetime
    paused: str = ""
    """Who keeps the step from ending, and why; empty where nobody does."""


class SecondsAlike(Result):
    """Seconds in which as many requests came, and as many of them were at fault."""

    requests: int
    faults: int
    seconds: int


class FaultySeconds(Result):
    """How often something was at fault, second by second: what happens within one second may have one cause."""

    requests: int
    faults: int
    seconds: int
    """Seconds with any request."""
    faulty: tuple[SecondsAlike, ...]
    """Those with a fault, counted by how many requests and faults they have."""

    @property
    def share(self) -> float:
        """Faults by requests, from 0 to 1; 0 without any."""
        return self.faults / self.requests if self.requests else 0.0


class Compared(Result):
    """The challenger's answers beside the champion's, to different rows."""

    rows: int
    """A row that is asked about again counts again only where one of them says something else of it."""
    disagreements: int
    """Rows whose decision is not the champion's."""
    differences: tuple[tuple[int, int], ...]
    """Bin and rows: bin k is a probability that lies k to k + 1 thousandths above the champion's."""
    groups: tuple[tuple[int, int, int], ...]
    """Groups of six rows: pairs in the same order, pairs in opposite orders, how many groups have these numbers."""
    champion_values: int
    """Different probabilities that the champion said."""
    commonest_value: Measured
    """What the challenger said most often."""
    commonest_rows: int
    champion_mean: Measured
    challenger_mean: Measured
    champion_yes: int
    challenger_yes: int
    scores: tuple[tuple[int, ...], ...]
    """Rows by the champion's probability (from 0 to 1 in equal steps), and within by the challenger's."""


class Speed(Result):
    """How long the releases took, in microseconds, for the same requests."""

    champion_p50_us: FiniteFloat
    champion_p99_us: FiniteFloat
    challenger_p50_us: FiniteFloat
    challenger_p99_us: FiniteFloat


class Course(Result):
    """Requests over time, in equal steps since the trial began."""

    step_seconds: FiniteFloat
    requests: tuple[int, ...]
    failures: tuple[int, ...]


class TrialEvidence(Result):
    """Everything seen of a challenger on trial since its first step, by first rows of requests."""

    format: Literal[1] = 1
    model: str
    rollout_id: str
    version: str
    champion_version: str
    step: StepOfTrial
    limits: BehaviourLimits
    looked_at: AwareDatetime
    began_at: AwareDatetime
    """When the first step began."""
    table_version: int
    """Version of the table of answers that was read; -1 before the first answer."""
    step_requests: int
    """Requests that it was asked since this step began."""
    failures: FaultySeconds
    errors: tuple[tuple[str, int], ...]
    """The commonest reasons of failures, and how many of each."""
    slow: FaultySeconds
    """Requests for which it took more than `max_slowdown` times as long as the champion."""
    compared: Compared
    speed: Speed | None
    worker_mb: Measured
    """Most memory of any worker; None where nobody knows."""
    strange: tuple[str, ...] = ()
    """Records that cannot be what a gateway wrote of this trial, in words."""
    course: Course


class RuleKind(StrEnum):
    """What hangs on a rule."""

    TRUST = "trust"
    """Broken: the records cannot be relied on."""
    LIMIT = "limit"
    """Broken: the challenger is taken back."""
    PATIENCE = "patience"
    """Not yet fulfilled: the step goes on."""


class TrialRule(Result):
    """One rule with what was found and what is allowed."""

    kind: RuleKind
    name: str
    found: str
    allowed: str
    holds: bool | None
    """None when it cannot be told, which is never taken for yes."""
    log_evidence: Measured = None
    """Natural logarithm of the evidence against the limit; None for rules that need none."""
    log_needed: Measured = None
    """Where it is beyond doubt."""
    reason: str
    """The same in a plain sentence."""


class TrialDecision(Result):
    """What the evidence comes to."""

    outcome: Literal["wait", "pass", "roll_back"]
    reasons: tuple[str, ...] = Field(min_length=1)
    """In plain sentences, the deciding one first."""
    rules: tuple[TrialRule, ...]


class TrialRecord(Result):
    """Evidence, and what was decided on it: all that is needed to decide again."""

    evidence: TrialEvidence
    decision: TrialDecision

    def to_bytes(self) -> bytes:
        """Return the canonical text: sorted keys, finite numbers, no spaces."""
        return canonical_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore a record from its canonical text.

        Raises:
            ValueError: The text is no record of this format, or holds a number that is not finite.
        """
        return cls.model_validate(json.loads(data))
