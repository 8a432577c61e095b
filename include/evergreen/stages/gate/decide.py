"""The decision rule, pure: the same measurement and the same thresholds always give the same answer.

Rules are looked at in the order of what their breaking means: a measurement that cannot be relied on, too little to judge on, a
limit that no gain makes up for, and the gain itself. `docs/concepts/gate.md` states the rule and its measured error rates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.measurement import Decision, Measurement, RulingKind
from evergreen.results import Outcome
from evergreen.stages.gate.gain import judge_gain
from evergreen.stages.gate.limits import judge_baseline, judge_budget, judge_guards, judge_parity
from evergreen.stages.gate.size import judge_size
from evergreen.stages.gate.slices import judge_slices
from evergreen.stages.gate.trust import judge_trust

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate
    from evergreen.measurement import Ruling


def decide(measurement: Measurement, rules: Gate) -> Decision:
    """Decide whether the challenger replaces the champion.

    It promotes only when every single rule holds; what could not be measured never holds.

    Args:
        measurement: What was measured.
        rules: The definition's `gate` section.

    Returns:
        The decision, with every rule as it was found.
    """
    sizes, rows_for_size = judge_size(measurement, rules)
    slices, chances = judge_slices(measurement, rules)
    gain = judge_gain(measurement, rules)
    limits = [
        *judge_baseline(measurement, rules),
        *judge_guards(measurement, rules),
        *slices,
        *judge_budget(measurement, rules),
        *judge_parity(measurement, rules),
    ]
    trust = judge_trust(measurement, rules)
    rulings = (*trust, *sizes, gain.ruling, *limits)
    outcome, rows_needed = Outcome.PROMOTE, None
    if not all(ruling.holds for ruling in trust):
        outcome = Outcome.INCONCLUSIVE
    elif not all(ruling.holds for ruling in sizes):
        outcome, rows_needed = Outcome.INCONCLUSIVE, rows_for_size
    elif gain.ruled_out or any(ruling.holds is False for ruling in limits):
        outcome = Outcome.KEEP
    elif not all(ruling.holds for ruling in rulings):
        outcome, rows_needed = Outcome.INCONCLUSIVE, gain.rows_needed
    return Decision(
        outcome=outcome,
        reasons=_reasons(rulings, outcome),
        rows_needed=rows_needed,
        rulings=rulings,
        slice_chances=chances,
    )


def replay(measurement: bytes, rules: Gate) -> Decision:
    """Decide again from a stored measurement; needs no model, no table and no clock.

    Args:
        measurement: The stored bytes.
        rules: The `gate` section that was in force.

    Raises:
        ValueError: The bytes are no measurement.
    """
    return decide(Measurement.from_bytes(measurement), rules)


def _reasons(rulings: tuple[Ruling, ...], outcome: Outcome) -> tuple[str, ...]:
    """Return the sentences that carry the outcome, the deciding one first, then the gain for its context."""
    gain = [ruling.reason for ruling in rulings if ruling.kind is RulingKind.GAIN]
    against = [ruling for ruling in rulings if not ruling.holds and ruling.kind is not RulingKind.GAIN]
    if outcome is Outcome.PROMOTE:
        return (*gain, *(ruling.reason for ruling in rulings if ruling.kind is RulingKind.LIMIT))
    # What is known to be broken says more than what could not be told.
    order = {RulingKind.TRUST: 0, RulingKind.SIZE: 1, RulingKind.LIMIT: 2}
    against.sort(key=lambda ruling: (order[ruling.kind], ruling.holds is None))
    sentences = [ruling.reason for ruling in against]
    if any(ruling.kind in (RulingKind.TRUST, RulingKind.SIZE) for ruling in against):
        return tuple(sentences)
    gain_decides = outcome is Outcome.KEEP and not any(ruling.holds is False for ruling in against)
    return (*gain, *sentences) if gain_decides or not sentences else (*sentences, *gain)
