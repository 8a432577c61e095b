"""Everything one night's decision follows from, as it was kept; deciding needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.stages.retrain.decide_night import Compared, decide_night

if TYPE_CHECKING:
    from evergreen.observation import Diagnosis, NightDecision, NightTerms, PastNight, ProbationMeasurement, ProbeMeasurement


@dataclass(frozen=True)
class NightCase:
    """What was known when a night was decided."""

    diagnosis: Diagnosis
    probe: ProbeMeasurement | None
    compared: ProbationMeasurement | None
    past: tuple[PastNight, ...]
    """Newest first."""
    terms: NightTerms

    def decide(self) -> NightDecision:
        """Decide; the same case always gives the same decision, with the same id."""
        terms = self.terms
        decision = decide_night(
            self.diagnosis,
            self.probe,
            self.past,
            new_rows=terms.new_rows,
            released_at=terms.released_at,
            monitoring=terms.monitoring,
            retraining=terms.retraining,
            compared=Compared(self.compared, terms.probation) if self.compared is not None else None,
        )
        return self._unless_late(decision)

    def _unless_late(self, decision: NightDecision) -> NightDecision:
        """Let a night that is decided after a later one do nothing: the later one knew more, and counted without this one."""
        newest = self.terms.newest_night
        acts = decision.starts_training or decision.rolls_back_to is not None
        if not acts or newest is None or newest <= decision.as_of:
            return decision
        what = "No training is started" if decision.starts_training else "Nothing is taken back"
        late = f"{what}: the night of {newest:%Y-%m-%d} has been decided already."
        nothing = {"starts_training": False, "rolls_back_to": None, "reasons": (*decision.reasons[:-1], late)}
        return decision.model_copy(update=nothing)
