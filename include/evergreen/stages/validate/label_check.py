"""A label of one class only teaches nothing, and usually means that the label is broken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evergreen.results import Check, CheckOutcome
from evergreen.stages.validate.wording import bounded, said_days

if TYPE_CHECKING:
    from evergreen.stages.validate.measurement import DayProfile, TableMeasurement

MIN_HISTORY_DAYS = 7
"""Earlier days with labels that tell how common each class is."""
MIN_ROWS = 100
"""Without that history, a one-class day is worth a warning from this many labelled rows on."""
MIN_ROWS_IN_ALL = 1000
"""From this many labelled rows on, one class in the whole window fails."""
IMPLAUSIBLE = 1e-6
"""A one-class day fails when the earlier share of each class makes it less likely than this."""


def label_has_two_classes(measured: TableMeasurement) -> list[Check]:
    """Judge the labels of every new day.

    A day on which every label is the same fails when that is implausible: with q the share of that class on the earlier
    days and n the day's labelled rows, when q to the power of n is below one in a million. Rare labels are thus left alone
    (0.1 % positives, 1000 rows: 0.37), common ones are not (20 % positives, 900 rows: 1e-87). With less than a week of
    earlier days nothing tells rare from broken: such a day warns. One class in the whole window fails.
    """
    if not measured.holds_label:
        return []
    failing: list[DayProfile] = []
    warned: list[DayProfile] = []
    for day in measured.new_days:
        profile = measured.profiles[day]
        if profile.labelled and profile.positives in {0, profile.labelled}:
            outcome = _judge(profile, [p for earlier, p in measured.profiles.items() if earlier < day])
            if outcome is not CheckOutcome.PASSED:
                (failing if outcome is CheckOutcome.FAILED else warned).append(profile)
    labelled = sum(profile.labelled for profile in measured.profiles.values())
    positives = sum(profile.positives for profile in measured.profiles.values())
    one_class = labelled > 0 and positives in {0, labelled}
    outcome = CheckOutcome.FAILED if failing or (one_class and labelled >= MIN_ROWS_IN_ALL) else CheckOutcome.PASSED
    if outcome is CheckOutcome.PASSED and (warned or one_class):
        outcome = CheckOutcome.WARNED
    shown = failing or warned
    found = f"{positives:,} of {labelled:,} labels are yes"
    if shown:
        found = bounded([_day_text(profile) for profile in shown], 5) + f"; {found} in all"
    return [
        Check(
            table=measured.table,
            name="label has two classes",
            target="",
            outcome=outcome,
            found=found,
            allowed="both answers, wherever the earlier days make one alone implausible",
            days=tuple(profile.day for profile in shown[:10]),
        )
    ]


def _judge(profile: DayProfile, earlier: list[DayProfile]) -> CheckOutcome:
    history = [p for p in earlier if p.labelled]
    if len(history) < MIN_HISTORY_DAYS:
        return CheckOutcome.WARNED if profile.labelled >= MIN_ROWS else CheckOutcome.PASSED
    labelled = sum(p.labelled for p in history)
    positives = sum(p.positives for p in history)
    same = positives if profile.positives else labelled - positives
    share = (same + 1) / (labelled + 2)  # rule of succession: never quite 0 or 1
    return CheckOutcome.FAILED if profile.labelled * math.log(share) < math.log(IMPLAUSIBLE) else CheckOutcome.PASSED


def _day_text(profile: DayProfile) -> str:
    return f"{said_days([profile.day])}: all {profile.labelled:,} labels are {'yes' if profile.positives else 'no'}"
