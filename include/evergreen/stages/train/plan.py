"""Which candidates a run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition

BASELINE = "baseline"


def plan_candidates(definition: ModelDefinition) -> tuple[str, ...]:
    """Return the candidates' names, each once, the baseline first: nothing is promoted that does not beat it."""
    return (BASELINE, *dict.fromkeys(name for name in definition.training.candidates if name != BASELINE))
