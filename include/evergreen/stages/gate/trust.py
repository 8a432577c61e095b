"""Can the measurement be relied on at all?"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.measurement import Ruling, RulingKind

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate
    from evergreen.measurement import Measurement


def judge_trust(measurement: Measurement, rules: Gate) -> list[Ruling]:
    """Rule on whether the measurement answers the question these thresholds ask."""
    return [_same_terms(measurement, rules), _unseen_rows(measurement), _all_models(measurement)]


def _same_terms(measurement: Measurement, rules: Gate) -> Ruling:
    terms = measurement.terms
    pairs = {
        "primary metric": (terms.metric, rules.primary.metric),
        "confidence": (terms.confidence, rules.primary.confidence),
        "resamples": (terms.resamples, rules.resamples),
        "seed": (terms.seed, rules.seed),
        "holdout days": (terms.holdout_days, math.ceil(rules.holdout / timedelta(days=1))),
        "slices": (terms.slices, tuple(piece.by for piece in rules.slices)),
    }
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    found = "; ".join(f"{name} {measured}, asked {asked}" for name, (measured, asked) in changed.items())
    reason = f"The measurement was taken on other terms than this gate asks for ({found}): evaluate again."
    if not changed:
        reason = "The measurement was taken on the terms this gate asks for."
    return Ruling(
        kind=RulingKind.TRUST,
        name="measured on these terms",
        found=found or "the same",
        allowed="the same metric, confidence, resamples, seed, holdout and slices",
        holds=not changed,
        reason=reason,
    )


def _unseen_rows(measurement: Measurement) -> Ruling:
    watermarks = [model.trained_through for model in measurement.models]
    late = [model.role for model in measurement.models if model.trained_through > measurement.judged_after]
    holds = measurement.overlapping_rows == 0 and not late and bool(watermarks)
    seen = measurement.overlapping_rows
    reason = f"No model has seen any of the judged rows: all are newer than {measurement.judged_after:%Y-%m-%d %H:%M} UTC."
    if not holds:
        reason = f"A judged model may have seen the rows it was judged on ({seen} of them): the comparison is worth nothing."
    return Ruling(
        kind=RulingKind.TRUST,
        name="rows no model has seen",
        found=f"{seen} rows seen",
        allowed="0 rows seen",
        holds=holds,
        reason=reason,
    )


def _all_models(measurement: Measurement) -> Ruling:
    roles = [model.role for model in measurement.models]
    holds = sorted(roles) in (["baseline", "challenger"], ["baseline", "challenger", "champion"])
    return Ruling(
        kind=RulingKind.TRUST,
        name="models on the same rows",
        found=", ".join(roles) or "none",
        allowed="one challenger, one baseline and at most one champion",
        holds=holds,
        reason=f"Judged on the same rows: {', '.join(roles)}."
        if holds
        else f"The wrong set of models was judged ({', '.join(roles) or 'none'}): one challenger and one baseline are needed.",
    )
