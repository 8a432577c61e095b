"""Days that were judged and accepted: a night judges the new day, not the history.

The records are a memory, not evidence: losing them costs the time of judging the days again.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.results import Result
from evergreen.stages.validate.measurement import DayProfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.tables.stage_results import StageResults

RULES_VERSION = 1
"""Raise it when the meaning of a check changes: every day is then judged again."""
STAGE = "validate_days"


class AcceptedDays(Result):
    """A table's accepted days under one set of rules."""

    table: str
    days: tuple[DayProfile, ...]
    gaps: tuple[date, ...] = ()
    """Days without rows with which a night passed: told once, not every night."""


def rules_digest(definition: ModelDefinition, table: str) -> str:
    """Digest of everything that decides how one table's rows are judged."""
    rules = definition.validation.tables.get(table)
    data = definition.data
    value = {
        "version": RULES_VERSION,
        "table": data.tables[table].model_dump(mode="json", exclude={"files", "sql", "join"}),
        "rules": rules.model_dump(mode="json") if rules is not None else None,
        "timezone": definition.schedule.timezone,
        "label": data.label.model_dump(mode="json") if data.label.table == table else None,
    }
    return digest_json(value)


def load_accepted(store: StageResults, table: str, rules: str) -> AcceptedDays:
    """Return the days of a table accepted under these rules; empty when there is no memory of any."""
    known = store.get(STAGE, f"{table}-{rules}", AcceptedDays)
    return known if known is not None else AcceptedDays(table=table, days=())


def keep_accepted(store: StageResults, table: str, rules: str, profiles: Iterable[DayProfile], gaps: Iterable[date]) -> None:
    """Keep a table's accepted days and gaps, the ones outside this run's window included."""
    known = load_accepted(store, table, rules)
    days = {profile.day: profile for profile in known.days} | {profile.day: profile for profile in profiles}
    missing = {*known.gaps, *gaps} - set(days)
    accepted = AcceptedDays(table=table, days=tuple(days[day] for day in sorted(days)), gaps=tuple(sorted(missing)))
    store.put(STAGE, f"{table}-{rules}", accepted)


def reusable(
    profile: DayProfile | None, *, digest: str, quarantined: Mapping[date, str], as_of: datetime, reference: bool
) -> bool:
    """Return whether a day's earlier judgement still stands.

    It does while its bytes are the same, its quarantined rows are still where they were put, and it was judged as a whole,
    with every row readable, at a moment that this run's as-of has reached too.
    """
    if profile is None or profile.digest != digest or quarantined.get(profile.day) != profile.quarantine_digest:
        return False
    if reference:
        return True
    settled, due = profile.settled_at, profile.due_at
    return settled is not None and due is not None and settled <= as_of and due <= as_of
