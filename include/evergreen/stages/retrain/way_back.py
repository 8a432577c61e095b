"""What the comparison with the release before answered: is the champion worse than what it replaced?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.measurement import METRICS
from evergreen.stages.retrain.answer import Answer, Size, difference, is_about, known, too_little

if TYPE_CHECKING:
    from evergreen.definitions.monitoring import Performance
    from evergreen.definitions.release import Probation
    from evergreen.observation import Diagnosis, ProbationMeasurement


def judge_probation(diagnosis: Diagnosis, found: ProbationMeasurement, rules: Probation, sizes: Performance) -> Answer:
    """Rule on a look at a new champion: surely worse at all, and worse by the minimum effect.

    Args:
        diagnosis: What triage made of the night.
        found: What was measured.
        rules: What a loss must be.
        sizes: How much there must be to judge on.
    """
    if not is_about(found, diagnosis):
        return Answer(None, "The look at the new champion is of another night or another release.")
    if found.confidence != rules.confidence_of_a_look:
        wanted = rules.confidence_of_a_look
        return Answer(None, f"The new champion was looked at with {found.confidence:g} confidence, not {wanted:g}.")
    if found.not_measured_because:
        return Answer(None, f"Version {found.replaced_version} could not be asked: {found.not_measured_because}")
    short = too_little(Size(found.rows, found.days, found.positives), sizes)
    if short:
        return Answer(None, f"The look at the new champion has too little to judge on: {short}.")
    improvement, upper = known(found.improvement), known(found.upper)
    if improvement is None or upper is None:
        return Answer(None, "Whether the new champion is worse than the release before could not be measured.")
    yes = upper < 0 and -improvement >= rules.minimum_effect
    return Answer(yes, _sentence(found, improvement, upper, rules, yes=yes))


def _sentence(found: ProbationMeasurement, improvement: float, upper: float, rules: Probation, *, yes: bool) -> str:
    lead = "The champion answers worse" if yes else "The champion is not shown to answer worse"
    on = f"on {found.rows:,} rows of its first {found.days:,} days"
    values = ""
    if found.champion is not None and found.replaced is not None:
        values = f", {found.champion:.4f} against {found.replaced:.4f}"
    bound = f"{found.confidence * 100:.4g} % upper bound {upper:.4f}, look {found.look} of {found.looks}"
    measured = f"{METRICS[found.metric].title} {difference(improvement)} {on}{values} ({bound})"
    lead = f"{lead} than version {found.replaced_version}, which it replaced"
    return f"{lead}: {measured}; a loss of {rules.minimum_effect:.4f} counts."
