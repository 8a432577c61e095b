"""Limits of behaviour, each with the evidence against it.

The doubt that the definition leaves, 1 less `confidence`, is split evenly over the limits that chance can break. Evidence is
beyond doubt where it reaches the inverse of such a part, at any look.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.stages.rollout.wording import count, limit, odds, share
from evergreen.statistics.mean_beyond import mean_beyond
from evergreen.statistics.rank_agreement import GROUP, agreement_below
from evergreen.statistics.share_above import share_above
from evergreen.trial_evidence import BINS_PER_UNIT, RuleKind, TrialRule

if TYPE_CHECKING:
    from evergreen.definitions.release import BehaviourLimits
    from evergreen.trial_evidence import Compared, FaultySeconds, TrialEvidence

SLOW_SHARE = 0.2
"""Share of requests that may take longer than `max_slowdown` allows: machines have their moments."""
CONSTANT_ROWS = 50
CONSTANT_CHAMPION_VALUES = 10
CONSTANT_CHAMPION_SHARE = 0.9
CONSTANT_SHARE = 0.99
"""An answer is constant where the champion tells rows apart and the challenger hardly any."""
CHANCE_RULES = 5
"""Limits that chance can break: failures, slowness, disagreement, mean, order."""


def judge_behaviour(evidence: TrialEvidence) -> list[TrialRule]:
    """Rule on every limit of behaviour, the gravest first."""
    return [
        _failures(evidence),
        _constant(evidence),
        _memory(evidence),
        _disagreement(evidence),
        _mean(evidence),
        _order(evidence),
        _slowness(evidence),
    ]


def log_needed(limits: BehaviourLimits) -> float:
    """Return the evidence, as a natural logarithm, from which a single limit is broken beyond doubt."""
    return math.log(CHANCE_RULES / (1 - limits.confidence))


def _failures(evidence: TrialEvidence) -> TrialRule:
    failures, most = evidence.failures, evidence.limits.max_failure_share
    found = f"{failures.faults:,} of {count(failures.requests, 'request')} ({share(failures.share)})"
    mostly = f", mostly: {evidence.errors[0][0]} ({evidence.errors[0][1]:,})" if evidence.errors else ""
    return _by_chance(
        evidence,
        "failures",
        found=found,
        allowed=f"at most {limit(most)}",
        log_evidence=_seconds_above(failures, most),
        bad=f"It could not answer {found}{mostly}; at most {limit(most)} are allowed",
        good=f"It could not answer {found}",
    )


def _slowness(evidence: TrialEvidence) -> TrialRule:
    slow, times = evidence.slow, evidence.limits.max_slowdown
    found = f"{slow.faults:,} of {count(slow.requests, 'request')} ({share(slow.share)})"
    speed = evidence.speed
    median = f" (median {speed.challenger_p50_us / 1000:.3g} against {speed.champion_p50_us / 1000:.3g} ms)" if speed else ""
    sentence = f"It took more than {times:g} times as long as the champion for {found}"
    return _by_chance(
        evidence,
        f"more than {times:g} times as slow",
        found=found,
        allowed=f"at most {limit(SLOW_SHARE)}",
        log_evidence=_seconds_above(slow, SLOW_SHARE),
        bad=f"{sentence}{median}; at most {limit(SLOW_SHARE)} are allowed",
        good=sentence,
    )


def _disagreement(evidence: TrialEvidence) -> TrialRule:
    compared, most = evidence.compared, evidence.limits.max_disagreement
    rows, others = compared.rows, compared.disagreements
    found = f"{others:,} of {count(rows, 'row')} ({share(others / rows if rows else 0.0)})"
    return _by_chance(
        evidence,
        "decisions other than the champion's",
        found=found,
        allowed=f"at most {limit(most)}",
        log_evidence=share_above([1.0, 0.0], [others, rows - others], most),
        bad=f"It decides otherwise than the champion for {found}; at most {limit(most)} are allowed",
        good=f"It decides otherwise than the champion for {found}",
    )


def _mean(evidence: TrialEvidence) -> TrialRule:
    compared, most = evidence.compared, evidence.limits.max_mean_shift
    low = [max(place / BINS_PER_UNIT, -1.0) for place, _ in compared.differences]
    high = [min((place + 1) / BINS_PER_UNIT, 1.0) for place, _ in compared.differences]
    shift = (compared.challenger_mean or 0.0) - (compared.champion_mean or 0.0)
    side, sign = ("above", "+") if round(shift, 3) >= 0 else ("below", "\u2212")
    found = f"{sign}{abs(shift):.3f} over {count(compared.rows, 'row')}"
    sentence = f"Its probabilities lie {abs(shift):.3f} {side} the champion's"
    return _by_chance(
        evidence,
        "mean difference of probabilities",
        found=found,
        allowed=f"at most {most:g}, up or down",
        log_evidence=mean_beyond(low, high, [rows for _, rows in compared.differences], most),
        bad=f"{sentence} on average of {count(compared.rows, 'row')}; at most {most:g} is allowed",
        good=f"{sentence} on average",
    )


def _order(evidence: TrialEvidence) -> TrialRule:
    groups, least = evidence.compared.groups, evidence.limits.min_rank_agreement
    same, opposite = (sum(group[side] * group[2] for group in groups) for side in (0, 1))
    number = sum(group[2] for group in groups)
    agreement = f"{(same - opposite) / (same + opposite):.2f}".replace("-", "\u2212") if same + opposite else "unknown"
    where = f"{count(number, 'group')} of {GROUP} rows"
    return _by_chance(
        evidence,
        "rank agreement with the champion",
        found=f"{agreement} in {where}",
        allowed=f"at least {least:g}",
        log_evidence=agreement_below(
            [group[0] for group in groups], [group[1] for group in groups], [group[2] for group in groups], least
        ),
        bad=f"It puts rows in another order than the champion: agreement {agreement} in {where}; at least {least:g} is asked",
        good=f"Its rank agreement with the champion is {agreement} in {where}",
    )


def _constant(evidence: TrialEvidence) -> TrialRule:
    compared = evidence.compared
    part = compared.commonest_rows / compared.rows if compared.rows else 0.0
    can_tell = compared.rows >= CONSTANT_ROWS and _tells_apart(compared)
    is_constant = can_tell and part >= CONSTANT_SHARE
    value = "nothing" if compared.commonest_value is None else f"{compared.commonest_value:.4g}"
    found = f"{value} for {share(part)} of {count(compared.rows, 'row')}"
    return TrialRule(
        kind=RuleKind.LIMIT,
        name="the same answer to all",
        found=found,
        allowed=f"less than {limit(CONSTANT_SHARE)} of {CONSTANT_ROWS} rows or more, where the champion tells rows apart",
        holds=not is_constant,
        reason=f"It says {found}, to which the champion says {count(compared.champion_values, 'different value')}."
        if is_constant
        else f"It says {found}.",
    )


def _tells_apart(champion: Compared) -> bool:
    """Return whether the champion says different things of these rows: many, or a few that lie apart."""
    commonest = max(sum(row) for row in champion.scores) / champion.rows
    return champion.champion_values >= CONSTANT_CHAMPION_VALUES or commonest <= CONSTANT_CHAMPION_SHARE


def _memory(evidence: TrialEvidence) -> TrialRule:
    found, most = evidence.worker_mb, evidence.limits.max_memory_mb
    value = "unknown" if found is None else f"{found:,.0f} MB"
    asked = evidence.failures.requests > 0
    return TrialRule(
        kind=RuleKind.LIMIT,
        name="memory of a worker",
        found=value,
        allowed=f"at most {most:,.0f} MB",
        holds=found <= most if found is not None else None if asked else True,
        reason="No worker has told how much memory it takes."
        if found is None
        else f"A worker that has it loaded takes {value}; at most {most:,.0f} MB are allowed.",
    )


def _seconds_above(seen: FaultySeconds, most: float) -> float:
    shares = [alike.faults / alike.requests for alike in seen.faulty]
    seconds = [alike.seconds for alike in seen.faulty]
    return share_above([*shares, 0.0], [*seconds, seen.seconds - sum(seconds)], most)


def _by_chance(
    evidence: TrialEvidence, name: str, *, found: str, allowed: str, log_evidence: float, bad: str, good: str
) -> TrialRule:
    """Rule on a limit that chance can break: it holds until the evidence is beyond doubt."""
    needed = log_needed(evidence.limits)
    holds = log_evidence < needed
    return TrialRule(
        kind=RuleKind.LIMIT,
        name=name,
        found=found,
        allowed=allowed,
        holds=holds,
        log_evidence=log_evidence,
        log_needed=needed,
        reason=f"{good}." if holds else f"{bad}; the odds are {odds(log_evidence)}, {odds(needed)} are needed.",
    )
