"""Is there enough to judge on?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.measurement import Ruling, RulingKind
from evergreen.stages.gate.wording import count

if TYPE_CHECKING:
    from evergreen.definitions.gate import Gate
    from evergreen.measurement import Measurement, Statistics


def judge_size(measurement: Measurement, rules: Gate) -> tuple[list[Ruling], int | None]:
    """Rule on rows, days and answers of each kind.

    Returns:
        The rulings, and about how many more rows would be enough; None when nothing is short or nothing is known of the rate
        at which rows come.
    """
    statistics = measurement.statistics
    negatives = statistics.rows - statistics.positives
    wanted = {
        "rows": (statistics.rows, rules.min_rows),
        "days": (statistics.days, rules.min_days),
        "rows answered yes": (statistics.positives, rules.min_positives),
        "rows answered no": (negatives, rules.min_positives),
    }
    rulings = [_rule(name, found, least, measurement) for name, (found, least) in wanted.items()]
    return rulings, _rows_short(statistics, rules)


def _rule(name: str, found: int, least: int, measurement: Measurement) -> Ruling:
    reason = f"The holdout has {found:,} {name}, at least {least:,} were asked for."
    if found < least:
        reason = f"The holdout has only {found:,} {name} where at least {least:,} are asked for."
        if measurement.unjudged_rows:
            left_out = count(measurement.unjudged_rows, "row")
            reason += (
                f" {left_out} had to be left out, because a judged model was trained up to {measurement.judged_after:%Y-%m-%d}."
            )
    return Ruling(
        kind=RulingKind.SIZE,
        name=name,
        found=f"{found:,}",
        allowed=f"at least {least:,}",
        holds=found >= least,
        reason=reason,
    )


def _rows_short(statistics: Statistics, rules: Gate) -> int | None:
    rows, negatives = statistics.rows, statistics.rows - statistics.positives
    short = [rules.min_rows - rows]
    rates = [
        (rules.min_days - statistics.days, statistics.days),
        (rules.min_positives - statistics.positives, statistics.positives),
        (rules.min_positives - negatives, negatives),
    ]
    for missing, seen in rates:
        if missing > 0 and not seen:
            return short[0] if short[0] > 0 else None
        if missing > 0:
            short.append(math.ceil(missing * rows / seen))
    return max(short) if max(short) > 0 else None
