"""The source of truth behind every event: days that have landed against days that were scored or asked for."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from evergreen.digests import digest_json
from evergreen.features.windows import ONE_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.events import Landing
    from evergreen.registry.requests import WorkRequest
    from evergreen.settings import Settings


def tables_of(definition: ModelDefinition, rule: Landing) -> tuple[str, ...]:
    """Return the tables whose files of a day must be there before a rule starts work for it."""
    default = definition.data.rows if rule.starts == "scoring" else definition.data.label.table
    return rule.tables or (default,)


def first_as_of(definition: ModelDefinition, day: date) -> datetime:
    """Return the first nightly moment at which a day is complete: each of its rows can be predicted.

    A run with this as-of has the day as its newest one, whenever it really runs.
    """
    schedule, night = definition.schedule, day
    while schedule.day_of(schedule.moment(night) + definition.data.predict_before) <= day:
        night += ONE_DAY
    return schedule.moment(night)


def due_days(definition: ModelDefinition, rule: Landing, landed: Mapping[str, Collection[date]], now: datetime) -> list[date]:
    """Return the days that a rule is about, oldest first: all their files are there and their as-of has come.

    Args:
        definition: The model, with a section `events`.
        rule: One of its rules.
        landed: Days by table.
        now: Wall clock.
    """
    events, data = definition.events, definition.data
    days = set.intersection(*(set(landed.get(table, ())) for table in tables_of(definition, rule)))
    last = data.last_day or max(days, default=data.first_day)
    due = sorted(day for day in days if data.first_day <= day <= last and first_as_of(definition, day) <= now)
    if events is None or not due:
        return []
    recent = [day for day in due if day > due[-1] - max(events.lookback, ONE_DAY)]
    # A training learns from all that landed before: one for the newest day stands for the others.
    return recent[-1:] if rule.starts == "training" else recent


def requests_for_landed(definition: ModelDefinition, settings: Settings, now: datetime) -> list[WorkRequest]:
    """Return a request for every landed day that is neither done nor asked for.

    Args:
        definition: The model, with a section `events`.
        settings: Where things are.
        now: Wall clock.

    Raises:
        StoreUnavailableError: A store did not answer.
    """
    from evergreen.registry.requests import RequestStore

    rules = _possible(definition, settings)
    landed = _landed(definition, settings, {table for rule in rules for table in tables_of(definition, rule)})
    store = RequestStore(settings.database_url)
    missing: list[WorkRequest] = []
    for rule in rules:
        due = due_days(definition, rule, landed, now)
        asked = store.keys(definition.name, rule.starts, [day.isoformat() for day in due]) if due else set()
        left = [day for day in due if day.isoformat() not in asked]
        done = _scored(definition, settings) if left and rule.starts == "scoring" else frozenset()
        missing.extend(_request(definition, rule, day) for day in left if day not in done)
    return missing


def _possible(definition: ModelDefinition, settings: Settings) -> list[Landing]:
    """Return the rules whose work can be done: a day that lands before the first champion waits for it."""
    from evergreen.registry.releases import ReleaseRegistry

    rules = list(definition.events.landing) if definition.events else []
    if not any(rule.starts == "scoring" for rule in rules) or ReleaseRegistry(settings).champion(definition.name):
        return rules
    return [rule for rule in rules if rule.starts != "scoring"]


def _request(definition: ModelDefinition, rule: Landing, day: date) -> WorkRequest:
    from evergreen.registry.requests import WorkRequest

    as_of = first_as_of(definition, day)
    return WorkRequest(
        model=definition.name,
        kind=rule.starts,
        key=day.isoformat(),
        as_of=as_of,
        reason=f"{day} has landed",
        content_digest=digest_json({"day": day.isoformat(), "as_of": as_of.astimezone(UTC).isoformat()}),
        source="landing",
    )


def _landed(definition: ModelDefinition, settings: Settings, tables: Collection[str]) -> dict[str, set[date]]:
    from evergreen.files import Files
    from evergreen.tables.addresses import landing_folder
    from evergreen.tables.landing import find_days

    folder = landing_folder(settings, definition.name)
    listing = Files.from_settings(settings).list(folder) if tables else []
    return {table: set(find_days(listing, folder, definition.data.tables[table].files or "")) for table in tables}


def _scored(definition: ModelDefinition, settings: Settings) -> frozenset[date]:
    from evergreen.files import Files
    from evergreen.tables.addresses import predictions_uri
    from evergreen.tables.day_table import DayTable

    return frozenset(DayTable(predictions_uri(settings, definition.name), Files.from_settings(settings)).partitions())
