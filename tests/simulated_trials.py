"""Simulated trials, in which the truth is known: requests as a gateway would tell of them.

Used by unit tests and by the benchmark that measures how often a trial is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from scipy import stats

from evergreen.definitions.release import DEFAULT_STEPS, BehaviourLimits, RolloutStep
from evergreen.registry.rollout_events import RolloutEvent
from evergreen.stages.rollout import decide
from evergreen.stages.rollout.asked import AskedRequests
from evergreen.stages.rollout.behaviour import SLOW_SHARE
from evergreen.stages.rollout.evidence import measure
from evergreen.trial_evidence import StepOfTrial, TrialEvidence

BEGAN = datetime(2026, 1, 5, 12, tzinfo=UTC)
BEGAN_US = int(BEGAN.timestamp() * 1_000_000)
MODEL, ROLLOUT, VERSION = "flights", "d" * 32, "2"


@dataclass(frozen=True)
class Truth:
    """How a challenger behaves beside its champion; by default it is as good as that one and agrees with it as models do."""

    correlation: float = 0.9
    """Of both models' log-odds."""
    yes_share: float = 0.22
    """Share of requests to which the champion says yes."""
    shift: float = 0.0
    """Added to the challenger's log-odds."""
    spread: float = 1.0
    """Standard deviation of log-odds."""
    failure_share: float = 0.0
    """Of requests, or of rows where `failing_rows`: a row that fails fails each time."""
    constant: bool = False
    slowdown: float = 1.1
    """Median of its time by the champion's."""
    slow_spread: float = 0.3
    """Standard deviation of the logarithm of that."""
    rows: int = 0
    """Different rows that are asked about; 0 for a new one with each request."""
    memory_mb: float = 400.0
    champion_values: int = 0
    """Different probabilities of the champion; 0 for as many as there are rows."""


def simulate(seed: int, truth: Truth, requests: int, *, per_second: float = 20.0) -> AskedRequests:
    """Return requests in the order in which they were answered."""
    rng = np.random.default_rng(seed)
    key = rng.integers(0, truth.rows, requests) if truth.rows else np.arange(requests)
    rows = truth.rows or requests
    champion_score = rng.standard_normal(rows)
    own = rng.standard_normal(rows)
    score = truth.correlation * champion_score + np.sqrt(1 - truth.correlation**2) * own
    level = np.log(0.22 / 0.78)
    champion = _probability(level + truth.spread * champion_score)
    if truth.champion_values:
        champion = np.round(champion * truth.champion_values) / truth.champion_values
    said = np.full(rows, 0.2213) if truth.constant else _probability(level + truth.shift + truth.spread * score)
    threshold = _probability(level + truth.spread * stats.norm.isf(truth.yes_share))
    failed = (rng.random(rows) < truth.failure_share)[key] if truth.rows else rng.random(requests) < truth.failure_share
    compute = rng.lognormal(np.log(60), 0.2, requests)
    slower = truth.slowdown * rng.lognormal(0, truth.slow_spread, requests)
    at = BEGAN_US + np.cumsum(rng.exponential(1e6 / per_second, requests)).astype(np.int64)
    return AskedRequests(
        answered_at_us=at,
        key=key.astype(np.int64),
        failed=failed,
        error=np.where(failed, "ValueError", "").astype(object),
        probability=np.where(failed, np.nan, said[key]),
        decision=said[key] >= threshold,
        champion_probability=champion[key],
        champion_decision=champion[key] >= threshold,
        compute_us=np.maximum(compute * slower, 1).astype(np.int64),
        champion_compute_us=np.maximum(compute, 1).astype(np.int64),
        worker_mb=np.full(requests, truth.memory_mb),
    )


def first(asked: AskedRequests, requests: int) -> AskedRequests:
    """Return the first so many requests."""
    return chosen(asked, slice(0, requests))


def chosen(asked: AskedRequests, places: Any) -> AskedRequests:
    """Return some of the requests, by place or by mask."""
    columns = {name: values[places] for name, values in vars(asked).items() if name != "strange"}
    return AskedRequests(**columns, strange=asked.strange)


def at_its_limits(
    seed: int, requests: int, *, limits: BehaviourLimits | None = None, per_second: float = 20.0
) -> AskedRequests:
    """Return requests of a challenger that stands exactly at every limit that chance can break, all of them at once."""
    limits, rng = limits or BehaviourLimits(), np.random.default_rng(seed)
    correlation = math.sin(math.pi / 2 * limits.min_rank_agreement)  # so that Kendall's tau is the limit
    one, own = rng.standard_normal((2, requests))
    other = correlation * one + math.sqrt(1 - correlation**2) * own
    champion = 0.1 + 0.5 * stats.norm.cdf(one)
    said = 0.1 + limits.max_mean_shift + 0.5 * stats.norm.cdf(other)
    decides_yes = rng.random(requests) < 0.3
    base = simulate(seed, Truth(failure_share=limits.max_failure_share), requests, per_second=per_second)
    is_slow = rng.random(requests) < SLOW_SHARE
    return replace(
        base,
        probability=np.where(base.failed, np.nan, said),
        champion_probability=champion,
        champion_decision=decides_yes,
        decision=decides_yes ^ (rng.random(requests) < limits.max_disagreement),
        champion_compute_us=np.full(requests, 100),
        compute_us=np.where(is_slow, 2 * 100 * limits.max_slowdown, 100).astype(np.int64),
    )


@dataclass(frozen=True)
class Traffic:
    """Who asks, how records travel, and how the rollout goes."""

    per_second: float = 5.0
    """Requests of all callers."""
    steps: tuple[RolloutStep, ...] = DEFAULT_STEPS["canary"]
    limits: BehaviourLimits = field(default_factory=BehaviourLimits)
    workers: int = 4
    ship_seconds: float = 6.0
    """A worker's records can be read so long after at most; each worker in its own time."""
    look_seconds: float = 10.0
    give_up_seconds: float = 86_400.0
    stall_every_seconds: float = math.inf
    """The machine stops so often, and everything that is asked meanwhile fails."""
    stall_seconds: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a simulated trial ended."""

    outcome: str
    """`pass` or `roll_back`."""
    step: int
    requests: int
    """That the challenger had been asked by then, shipped or not."""
    seconds: float
    """Since the trial began."""
    rule: str
    """The first rule that was broken."""


def try_out(stream: AskedRequests, traffic: Traffic, seed: int) -> Ended:
    """Go through a rollout look by look, on records as they are shipped; the stream says what each request comes to."""
    rng = np.random.default_rng([seed, 1])
    began, used = 0.0, 0
    at, shipped = np.empty(0), np.empty(0)
    offsets = rng.random(traffic.workers) * traffic.ship_seconds
    for number, plan in enumerate(traffic.steps, start=1):
        gaps = rng.exponential(1 / (traffic.per_second * plan.share), len(stream) - used)
        times, worker = began + np.cumsum(gaps), rng.integers(0, traffic.workers, len(gaps))
        wait = offsets[worker] - times % traffic.ship_seconds
        at, shipped = np.r_[at[:used], times], np.r_[shipped[:used], times + wait % traffic.ship_seconds]
        seconds = began
        while True:
            seconds += traffic.look_seconds
            seen = replace(
                chosen(stream, slice(0, len(at))),
                answered_at_us=BEGAN_US + (at * 1e6).astype(np.int64),
                failed=stream.failed[: len(at)] | (at % traffic.stall_every_seconds < traffic.stall_seconds),
            )
            decision = decide(_seen_of(seen, shipped <= seconds, number, plan, traffic, began, seconds))
            used = int(np.searchsorted(at, seconds))
            if decision.outcome == "roll_back":
                broken = next(rule.name for rule in decision.rules if rule.holds is False and rule.kind != "patience")
                return Ended("roll_back", number, used, seconds, broken)
            if decision.outcome == "pass":
                began = seconds
                break
            if used >= len(stream):
                raise ValueError("the stream is too short for this traffic")
    return Ended("pass", len(traffic.steps), used, seconds, "")


def _seen_of(
    asked: AskedRequests, seen: Any, number: int, plan: RolloutStep, traffic: Traffic, began: float, seconds: float
) -> TrialEvidence:
    return evidence_of(
        chosen(asked, seen),
        limits=traffic.limits,
        now=BEGAN + timedelta(seconds=seconds),
        number=number,
        steps=len(traffic.steps),
        share=plan.share,
        began_at=BEGAN + timedelta(seconds=began),
        hold_seconds=plan.hold.total_seconds(),
        min_requests=plan.min_requests,
        expires_at=BEGAN + timedelta(seconds=began + traffic.give_up_seconds),
    )


def an_event(**changes: Any) -> RolloutEvent:
    """A canary at its second step of three, begun with the trial for simplicity."""
    value = {
        "model": MODEL,
        "sequence": 2,
        "rollout_id": ROLLOUT,
        "action": "step",
        "mode": "canary",
        "version": VERSION,
        "champion_version": "1",
        "step": 2,
        "steps": 3,
        "share": 0.25,
        "key": (),
        "reasons": (),
        "actor": "training",
        "expires_at": BEGAN + timedelta(hours=24),
        "happened_at": BEGAN,
    }
    return RolloutEvent(**{**value, **changes})


def a_step(**changes: Any) -> StepOfTrial:
    plan = RolloutStep(share=0.25)
    value = {
        "mode": "canary",
        "number": 2,
        "steps": 3,
        "share": plan.share,
        "began_at": BEGAN,
        "hold_seconds": plan.hold.total_seconds(),
        "min_requests": plan.min_requests,
        "expires_at": BEGAN + timedelta(hours=24),
    }
    return StepOfTrial(**{**value, **changes})


def evidence_of(
    asked: AskedRequests,
    *,
    limits: BehaviourLimits | None = None,
    now: datetime = BEGAN + timedelta(minutes=11),
    **step: Any,
) -> TrialEvidence:
    """Measure requests as a look does; by default the step's time is over."""
    return measure(
        asked,
        an_event(),
        a_step(**step),
        limits or BehaviourLimits(),
        began_at=BEGAN,
        now=now,
        table_version=7,
    )


def with_requests(asked: AskedRequests, **changes: Any) -> AskedRequests:
    """Return the requests with some columns replaced."""
    return replace(asked, **changes)


def _probability(log_odds: Any) -> Any:
    return 1 / (1 + np.exp(-log_odds))
