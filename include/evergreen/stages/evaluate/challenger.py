"""Which candidate asks to be released."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.errors import RequestError
from evergreen.measurement import direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions.gate import MetricName
    from evergreen.results import Candidate, FeatureSet

BASELINE = "baseline"


def choose_challenger(candidates: Sequence[Candidate], metric: MetricName, features: FeatureSet) -> tuple[Candidate, Candidate]:
    """Return the challenger and the baseline.

    The challenger is the best of the others by the primary metric of their own time-ordered validation, never of the holdout:
    chosen on the holdout, the best of several equal candidates would look better than it is. The first of equals is taken, and
    the baseline itself only when nothing else was trained.

    Raises:
        RequestError: There is no baseline, a name comes twice, a candidate was trained on other features, or several
            candidates cannot be ranked.
    """
    names = [candidate.name for candidate in candidates]
    if names.count(BASELINE) != 1 or len(set(names)) != len(names):
        raise _refuse(f"candidates {', '.join(names) or 'none'}", "one baseline and other candidates by different names")
    foreign = [candidate.name for candidate in candidates if candidate.features_digest != features.digest]
    if foreign:
        raise _refuse(f"{', '.join(foreign)} trained on other features", f"candidates trained on features {features.digest}")
    baseline = candidates[names.index(BASELINE)]
    others = [candidate for candidate in candidates if candidate is not baseline]
    if len(others) < 2:
        return (others or [baseline])[0], baseline
    unranked = [candidate.name for candidate in others if not math.isfinite(candidate.metrics.get(metric, math.nan))]
    if unranked:
        raise _refuse(
            f"no {metric} in the validation of {', '.join(unranked)}", f"a finite validation {metric} of each candidate"
        )
    sign = direction(metric)
    return max(others, key=lambda candidate: sign * candidate.metrics[metric]), baseline


def _refuse(found: str, allowed: str) -> RequestError:
    return RequestError(
        "no challenger can be chosen",
        found=found,
        allowed=allowed,
        remedy="train all candidates again in one run, then evaluate",
    )
