"""Numbers of a trial in words, the same in every reason."""

from __future__ import annotations

import math


def count(number: int, noun: str) -> str:
    """Write a count with its noun: 1 row, 17,203 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(value: float) -> str:
    """Write a share as per cent: 12.3 %, 0.5 %; small ones with two digits that say something."""
    per_cent = value * 100
    return f"{per_cent:.1f} %" if per_cent >= 1 or not per_cent else f"{per_cent:.2g} %"


def limit(value: float) -> str:
    """Write a limit that is a share as it was given: 40 %."""
    return f"{value * 100:g} %"


def span(seconds: float) -> str:
    """Write a span of time in the unit that suits it: 45 s, 12 min, 3.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def odds(log_evidence: float) -> str:
    """Write evidence as odds against the limit: 34 to 1; very large and very small ones by their size alone."""
    if log_evidence > math.log(1e6):
        return "over 1,000,000 to 1"
    value = math.exp(log_evidence)
    return f"{value:,.0f} to 1" if value >= 10 else f"{value:.1f} to 1" if value >= 0.05 else "under 0.1 to 1"
