"""From probabilities to decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.definitions.training import Costs


def decision_threshold(costs: Costs) -> float:
    """Return the probability from which saying yes costs less than saying no, above 0 and at most 1.

    It holds for calibrated probabilities: a yes is expected to cost `p * true_positive + (1 - p) * false_positive`, a no
    `p * false_negative + (1 - p) * true_negative`; the threshold is where the two meet.

    References:
        Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, equation 2.
    """
    too_eager = costs.false_positive - costs.true_negative
    too_shy = costs.false_negative - costs.true_positive
    return too_eager / (too_eager + too_shy)
