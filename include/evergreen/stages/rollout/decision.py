"""The decision, pure: the same evidence always comes to the same.

A challenger is taken back where a limit is broken beyond doubt, where its records cannot be relied on, or where its step has
not come to an end in time. It passes a step when every single rule holds. `docs/concepts/rollouts.md` states the rules and
their measured error rates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evergreen.stages.rollout.behaviour import judge_behaviour
from evergreen.stages.rollout.patience import judge_end, judge_patience
from evergreen.stages.rollout.wording import count, span
from evergreen.trial_evidence import RuleKind, TrialDecision, TrialRule

if TYPE_CHECKING:
    from evergreen.trial_evidence import TrialEvidence


def decide(evidence: TrialEvidence) -> TrialDecision:
    """Decide whether a step goes on, is passed, or the challenger is taken back.

    Args:
        evidence: What was seen, with the limits and the step it is held against.

    Returns:
        The decision, with every rule as it was found.
    """
    rules = (_trust(evidence), *judge_behaviour(evidence), *judge_patience(evidence), judge_end(evidence))
    broken = [rule for rule in rules if rule.holds is False and rule.kind is not RuleKind.PATIENCE]
    waiting = [rule for rule in rules if not rule.holds]
    outcome: Literal["wait", "pass", "roll_back"] = "roll_back" if broken else "wait" if waiting else "pass"
    reasons = [rule.reason for rule in broken or waiting] or _well(evidence, rules)
    return TrialDecision(outcome=outcome, reasons=tuple(reasons), rules=rules)


def _trust(evidence: TrialEvidence) -> TrialRule:
    strange = evidence.strange
    return TrialRule(
        kind=RuleKind.TRUST,
        name="records as a gateway writes them",
        found="; ".join(strange) or "nothing strange",
        allowed="nothing strange",
        holds=not strange,
        reason=f"Its records cannot be relied on: {'; '.join(strange)}."
        if strange
        else "All records are such as a gateway writes of this trial.",
    )


def _well(evidence: TrialEvidence, rules: tuple[TrialRule, ...]) -> list[str]:
    step = evidence.step
    seconds = (evidence.looked_at - step.began_at).total_seconds()
    told = f"{count(evidence.step_requests, 'request')} in {span(seconds)}, and no limit is broken"
    return [f"Step {step.number} of {step.steps} is passed: {told}."] + [
        rule.reason for rule in rules if rule.kind is RuleKind.LIMIT and rule.log_evidence is not None
    ]
