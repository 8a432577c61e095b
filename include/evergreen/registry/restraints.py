"""What holds the next training back, counted from the nights before: cooldown, budget, too few new rows."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.definitions.words import format_duration
from evergreen.observation import Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from evergreen.definitions.retraining import Retraining
    from evergreen.observation import PastNight

PAST_NIGHTS = 400
"""Nights that triage and decision look back: a year and some; more than any cooldown, budget or persistence asks for."""
BUDGET_SPAN = timedelta(days=30)


def restraints(
    past: Sequence[PastNight], *, as_of: datetime, released_at: datetime | None, new_rows: int | None, retraining: Retraining
) -> tuple[str, ...]:
    """Return a sentence for each rule that forbids a training tonight; empty when none does.

    Args:
        past: Earlier nights.
        as_of: Tonight.
        released_at: When the champion became champion; None, which is not known, forbids.
        new_rows: Matured outcomes that the champion has not learned from; None, which is not known, forbids.
        retraining: The rules.
    """
    decided = [night.as_of for night in past if night.action is Action.RETRAIN]
    found = [
        _too_soon(max(decided, default=None), as_of, retraining, "a training was decided on"),
        _too_soon(released_at, as_of, retraining, "the champion was released on")
        if released_at is not None
        else "It is not known when the champion was released.",
        _over_budget(decided, as_of, retraining),
        _too_few(new_rows, retraining),
    ]
    return tuple(sentence for sentence in found if sentence is not None)


def _too_soon(last: datetime | None, as_of: datetime, retraining: Retraining, what: str) -> str | None:
    if last is None or as_of - last >= retraining.cooldown:
        return None
    return f"The cooldown of {format_duration(retraining.cooldown)} is not over: {what} {last:%Y-%m-%d}."


def _over_budget(decided: Sequence[datetime], as_of: datetime, retraining: Retraining) -> str | None:
    spent = sum(as_of - moment < BUDGET_SPAN for moment in decided)
    if spent < retraining.budget_per_month:
        return None
    return f"The budget is spent: {spent} of {retraining.budget_per_month} trainings within {BUDGET_SPAN.days} days."


def _too_few(new_rows: int | None, retraining: Retraining) -> str | None:
    if new_rows is None or not math.isfinite(new_rows):
        return "It is not known how many matured outcomes the champion has not learned from."
    if new_rows >= retraining.min_new_rows:
        return None
    return f"Only {new_rows:,} matured outcomes are new to the champion; {retraining.min_new_rows:,} are asked for."
