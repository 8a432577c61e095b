"""What a comparison answered: yes, no, or nothing that could be relied on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from evergreen.measurement import METRICS
from evergreen.observation import Cause

if TYPE_CHECKING:
    from evergreen.definitions.monitoring import Performance
    from evergreen.definitions.retraining import Probe
    from evergreen.observation import Diagnosis, ProbationMeasurement, ProbeMeasurement


class Answer(NamedTuple):
    """Would a refit have beaten the champion? Is it worse than the release that it replaced?"""

    yes: bool | None
    """None: it could not be told."""
    reason: str


class Size(NamedTuple):
    """How much a comparison rests on."""

    rows: int
    days: int
    positives: int


def judge_probe(diagnosis: Diagnosis, probe: ProbeMeasurement | None, rules: Probe, sizes: Performance) -> Answer:
    """Rule on a probe: surely better at all, and better by the minimum effect.

    Where the answers have become worse, the improvement itself must reach the minimum effect. Where nobody saw anything wrong,
    its lower bound must, and with more confidence: asked every fortnight, an estimate reaches it by chance too often.

    Args:
        diagnosis: What triage made of the night.
        probe: What was measured; None: it was asked and did not answer.
        rules: What an improvement must be.
        sizes: How much there must be to judge on.
    """
    if probe is None:
        return Answer(None, "A probe was wanted and has not answered.")
    if not is_about(probe, diagnosis):
        return Answer(None, "The probe is of another night or another release.")
    alarmed = diagnosis.cause is Cause.CONCEPT_DRIFT
    wanted = rules.confidence_when(alarmed=alarmed)
    if probe.confidence != wanted:
        return Answer(None, f"The probe was measured with {probe.confidence:g} confidence, not {wanted:g}.")
    short = too_little(Size(probe.probe_rows, probe.probe_days, probe.probe_positives), sizes)
    if short:
        return Answer(None, f"The probe has too little to judge on: {short}.")
    improvement, lower = known(probe.improvement), known(probe.lower)
    if improvement is None or lower is None:
        return Answer(None, "Whether a refit would have helped could not be measured.")
    held = improvement if alarmed else lower
    yes = lower > 0 and held >= rules.minimum_effect
    return Answer(yes, _sentence(probe, improvement, lower, rules, yes=yes, unasked=not alarmed))


def is_about(value: ProbeMeasurement | ProbationMeasurement, diagnosis: Diagnosis) -> bool:
    """Return whether a measurement is of the night and of the release that were diagnosed."""
    subjects = [(each.model, each.as_of, each.release_version, each.bundle_digest) for each in (value, diagnosis)]
    return subjects[0] == subjects[1]


def known(value: float | None) -> float | None:
    """Return a finite number, or None."""
    return value if value is not None and math.isfinite(value) else None


def too_little(size: Size, least: Performance) -> str | None:
    """Return in words what there is too little of to judge on; None where there is enough."""
    for found, asked, what in (
        (size.rows, least.min_rows, "matured rows"),
        (size.days, least.min_days, "matured days"),
        (min(size.positives, size.rows - size.positives), least.min_positives, "rows of either answer"),
    ):
        if not found >= asked:
            return f"{found:,} {what} where {asked:,} are asked for"
    return None


def difference(improvement: float) -> str:
    """Return a difference in words: positive is better."""
    return "no difference" if not improvement else f"{'better' if improvement > 0 else 'worse'} by {abs(improvement):.4f}"


def _sentence(probe: ProbeMeasurement, improvement: float, lower: float, rules: Probe, *, yes: bool, unasked: bool) -> str:
    title = METRICS[probe.metric].title
    change = difference(improvement)
    on = f"on {probe.probe_rows:,} rows of {probe.probe_days:,} days"
    bound = f"{probe.confidence * 100:g} % lower bound {lower:.4f}"
    values = "" if probe.refit is None or probe.champion is None else f", {probe.refit:.4f} against {probe.champion:.4f}"
    asked = "of the bound, as nothing was seen to be wrong" if unasked else "for"
    found = f"{title} {change} {on}{values} ({bound}); at least {rules.minimum_effect:.4f} is asked {asked}"
    lead = "A refit would have beaten the champion" if yes else "A refit is not shown to be worth a training"
    return f"{lead}: {found}."
