"""No part of the rows may pay for the gain of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.measurement import METRICS, Ruling, RulingKind
from evergreen.stages.gate.wording import count, owner, write_change, write_number, write_share
from evergreen.statistics.holm import holm

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate, Slice
    from evergreen.measurement import Measurement, SliceComparison


def judge_slices(measurement: Measurement, rules: Gate) -> tuple[list[Ruling], dict[str, float]]:
    """Rule on every declared slice column.

    A value is judged when it has enough rows, both answers, and days enough to tell its spread. It breaks the rule when it lost
    more than allowed and the loss is significant after Holm's correction over all judged values: who has a dozen slices
    looks a dozen times, and without the correction chance alone would block several times as often (docs/concepts/gate.md). A
    column of which no value can be judged breaks the rule, too.

    Returns:
        One ruling per column, and per judged slice (`column=value`) the corrected chance that nothing was lost.
    """
    judged = [piece for rule in rules.slices for piece in _judgeable(measurement, rule)]
    chances = holm([piece.chance_of_no_loss or 0.0 for piece in judged])
    corrected = {f"{piece.by}={piece.value}": chance for piece, chance in zip(judged, chances, strict=True)}
    return [_rule(measurement, rule, rules, corrected) for rule in rules.slices], corrected


def _judgeable(measurement: Measurement, rule: Slice) -> list[SliceComparison]:
    return [
        piece
        for piece in measurement.statistics.slices
        if piece.by == rule.by
        and piece.against == measurement.reference
        and piece.rows >= rule.min_rows
        and 0 < piece.positives < piece.rows
        and piece.improvement is not None
        and piece.chance_of_no_loss is not None
    ]


def _rule(measurement: Measurement, rule: Slice, rules: Gate, corrected: dict[str, float]) -> Ruling:
    judged = _judgeable(measurement, rule)
    sure = 1 - rules.primary.confidence
    # A hair of tolerance, so that a loss of just what is allowed is not broken by the last bit of a subtraction.
    dropped = [piece for piece in judged if -(piece.improvement or 0.0) > rule.max_drop + 1e-12]
    broken = [piece for piece in dropped if corrected[f"{piece.by}={piece.value}"] <= sure]
    worst = min(judged, key=lambda piece: piece.improvement or 0.0, default=None)
    found = "no value judged" if worst is None else f"worst: {_write(worst)}"
    reason = f"No {rule.by} loses more than {write_number(rule.max_drop)}: {count(len(judged), 'value')} judged, {found}."
    if worst is None:
        reason = f"No value of {rule.by} could be judged: none has {rule.min_rows:,} rows and both answers."
    elif broken:
        reason = _loss(measurement, rule, rules, broken)
    elif dropped:
        reason = f"No {rule.by} loses more than {write_number(rule.max_drop)} beyond doubt: {found}, which may be chance."
    return Ruling(
        kind=RulingKind.LIMIT,
        name=f"slices by {rule.by}",
        found=found,
        allowed=f"no sure loss above {write_number(rule.max_drop)}",
        holds=bool(judged) and not broken,
        reason=reason,
    )


def _loss(measurement: Measurement, rule: Slice, rules: Gate, broken: list[SliceComparison]) -> str:
    broken = sorted(broken, key=lambda piece: piece.improvement or 0.0)
    title = METRICS[rules.primary.metric].title
    worst = broken[0]
    values = f"{write_number(worst.challenger)} against {owner(measurement.reference)} {write_number(worst.reference)}"
    text = (
        f"{rule.by} {worst.value} loses: {title} {values} on {count(worst.rows, 'row')} of {count(worst.days, 'day')}, "
        f"{write_change(worst.improvement)}, sure at {write_share(rules.primary.confidence)}; "
        f"at most {write_number(rule.max_drop)} is allowed."
    )
    others = [piece.value for piece in broken[1:]]
    return text + (f" So do {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}." if others else "")


def _write(piece: SliceComparison) -> str:
    return f"{piece.value} {write_change(piece.improvement)}"
