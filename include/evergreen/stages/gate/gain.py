"""The question itself: is the challenger better, and by enough to be worth a release?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from evergreen.measurement import METRICS, Comparison, Ruling, RulingKind
from evergreen.stages.gate.wording import count, owner, write_change, write_number, write_sample, write_share

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate
    from evergreen.measurement import Measurement

MOST_TIMES = 50
"""A need for more than this many times the holdout is no advice, so no number is given."""


class Gain(NamedTuple):
    """What is known of the gain."""

    ruling: Ruling
    ruled_out: bool
    """A gain worth a release is ruled out."""
    rows_needed: int | None


def judge_gain(measurement: Measurement, rules: Gate) -> Gain:
    """Rule on the primary metric against the model to beat.

    The gain is shown when its lower bound is above 0 and the estimate at least the minimum effect. It is ruled out when its
    upper bound is below the minimum effect, or there is no difference at all.
    """
    comparison = measurement.statistics.comparison(measurement.reference, rules.primary.metric)
    if _is_the_champion(measurement):
        reason = "The challenger is the champion, byte for byte: there is nothing to release."
        return Gain(_ruling(rules, "the same bundle", False, reason), True, None)
    if comparison is None or _unknown(comparison):
        title = METRICS[rules.primary.metric].title
        reason = f"The difference in {title} to the {measurement.reference} could not be measured on these rows."
        return Gain(_ruling(rules, "not measured", None, reason), False, None)
    return _judge(comparison, measurement, rules)


def _judge(comparison: Comparison, measurement: Measurement, rules: Gate) -> Gain:
    improvement, lower, upper = _bounds(comparison)
    least, confidence = rules.primary.minimum_effect, write_share(rules.primary.confidence)
    holds = lower > 0 and improvement >= least
    ruled_out = not holds and (upper < least or improvement == lower == upper)
    rows_needed = None if holds or ruled_out else _rows_needed(comparison, measurement, least)
    bounds = f"{confidence} lower bound {write_number(lower)}"
    both = f"{bounds}, upper bound {write_number(upper)}"
    sentence = f"{_subject(comparison, measurement)}: {write_change(improvement)}"
    asked = f"at least {write_number(least)} was asked for"
    if holds:
        reason = f"{sentence} ({bounds}), {asked}."
    elif ruled_out:
        reason = f"{sentence} ({both}): a gain of {write_number(least)}, the least worth a release, is ruled out."
    else:
        doubt = "not shown to be better at all" if lower <= 0 else f"better, but {asked}"
        reason = f"{sentence} ({both}): {doubt}, and a gain of that size is not ruled out." + _advice(rows_needed, measurement)
    found = f"{write_number(improvement)}, between {write_number(lower)} and {write_number(upper)}"
    return Gain(_ruling(rules, found, holds, reason, against=measurement.reference), ruled_out, rows_needed)


def _ruling(rules: Gate, found: str, holds: bool | None, reason: str, *, against: str = "champion") -> Ruling:
    return Ruling(
        kind=RulingKind.GAIN,
        name=f"{METRICS[rules.primary.metric].title} against the {against}",
        found=found,
        allowed=f"at least {write_number(rules.primary.minimum_effect)}, lower bound above 0",
        holds=holds,
        reason=reason,
    )


def _subject(comparison: Comparison, measurement: Measurement) -> str:
    title = METRICS[comparison.metric].title
    values = f"{write_number(comparison.challenger)} against {owner(comparison.against)} {write_number(comparison.reference)}"
    return f"{title[0].upper()}{title[1:]} {values} on {write_sample(measurement.statistics)}"


def _rows_needed(comparison: Comparison, measurement: Measurement, least: float) -> int | None:
    """Return about how many more rows would settle it, None when there is no realistic number.

    Bounds close in on the estimate with the square root of the number of days. If the estimate stays what it is, it is settled
    when its lower bound reaches 0 (for an estimate of at least the minimum effect) or its upper bound the minimum effect.
    """
    improvement, lower, upper = _bounds(comparison)
    reach, distance = (improvement - lower, improvement) if improvement >= least else (upper - improvement, least - improvement)
    if distance <= 0:
        return None
    times = (reach / distance) ** 2
    rows = measurement.statistics.rows
    return max(1, math.ceil(rows * (times - 1))) if times <= MOST_TIMES else None


def _advice(rows_needed: int | None, measurement: Measurement) -> str:
    statistics = measurement.statistics
    if rows_needed is None:
        return f" Even {MOST_TIMES} times as many rows would not settle it at this difference and spread."
    days = math.ceil(rows_needed * statistics.days / statistics.rows)
    return f" About {rows_needed:,} more rows ({count(days, 'day')}) would settle it if difference and spread stay as they are."


def _is_the_champion(measurement: Measurement) -> bool:
    challenger, champion = measurement.judged("challenger"), measurement.judged("champion")
    return challenger is not None and champion is not None and challenger.bundle_digest == champion.bundle_digest


def _unknown(comparison: Comparison) -> bool:
    needed = (comparison.challenger, comparison.reference, comparison.improvement, comparison.lower, comparison.upper)
    return any(value is None for value in needed)


def _bounds(comparison: Comparison) -> tuple[float, float, float]:
    if comparison.improvement is None or comparison.lower is None or comparison.upper is None:
        return math.nan, math.nan, math.nan
    return comparison.improvement, comparison.lower, comparison.upper
