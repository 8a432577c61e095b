"""The stage: read what the window's runs cost and answered, judge it, keep what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.features.windows import start_of_day
from evergreen.files import Files
from evergreen.observation import CheckKind, Observation
from evergreen.predictors.bundle import read_profile
from evergreen.registry.nights import NightStore
from evergreen.stages.check_operations.findings import operations_findings
from evergreen.stages.check_operations.parity import recompute_served
from evergreen.stages.check_operations.traffic import parity_finding
from evergreen.tables.addresses import raw_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.observations import keep_observation
from evergreen.tables.run_facts import read_run_facts
from evergreen.tables.served_traffic import traffic_by_day
from evergreen.tables.watched_rows import read_watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions import ModelDefinition
    from evergreen.observation import Finding
    from evergreen.results import ChampionVersion, CheckedNight, Collected
    from evergreen.settings import Settings

RECOMPUTED_ANSWERS = 200
"""Answers of the newest day whose features are computed again every night."""


def check_operations(definition: ModelDefinition, collected: Collected, settings: Settings) -> CheckedNight:
    """Look at the machinery that answered the window: what it cost, how old its data is, what kind of answers it gave.

    Args:
        definition: The model.
        collected: What `collect` returned.
        settings: Where things are.

    Raises:
        DigestMismatchError: The champion's bundle is not the one that was decided on.
        DataError: A version of a table is gone.
        StoreUnavailableError: A store did not answer.
    """
    files, champion = Files.from_settings(settings), collected.champion
    findings = () if champion is None else _findings(definition, collected, champion, settings, files)
    scored = collected.scored_rows
    seen = Observation.of(collected, CheckKind.OPERATIONS, findings, days=scored, rows=sum(scored.values()))
    return keep_observation(seen, settings, files)


def _findings(
    definition: ModelDefinition, collected: Collected, champion: ChampionVersion, settings: Settings, files: Files
) -> tuple[Finding, ...]:
    rows = read_watched(collected, files, collected.first_day, collected.last_day)
    return *_parity(definition, collected, settings), *operations_findings(
        rows[["_day", "probability", "decision"]],
        runs=read_run_facts(settings, collected.model, "score", files, first_day=collected.first_day, as_of=collected.as_of),
        feature_age_hours=_feature_age_hours(definition, collected, settings, files),
        hours_unwatched=_hours_unwatched(collected, settings),
        reference=read_profile(files, champion.bundle_uri, champion.bundle_digest),
        rules=definition.monitoring.operations,
        traffic=None if collected.answers == "batch" else traffic_by_day(collected, files, collected.scored_rows),
    )


def _parity(definition: ModelDefinition, collected: Collected, settings: Settings) -> Iterator[Finding]:
    """Compute features of the newest day's answers again, where the gateway gave any and their inputs are kept."""
    personal, days = definition.serving.personal, sorted(collected.scored_rows)
    if collected.answers == "batch" or collected.served_version < 0 or not days or personal.drop or personal.hash:
        return
    try:
        found = recompute_served(
            definition, settings, days[-1], version=collected.served_version, most_answers=RECOMPUTED_ANSWERS
        )
    except EvergreenError as error:  # a bundle or inputs that are gone: the other checks go on
        yield parity_finding(days[-1], None, f"the features of answers cannot be computed again: {error.what}")
    else:
        yield parity_finding(days[-1], found)


def _feature_age_hours(definition: ModelDefinition, collected: Collected, settings: Settings, files: Files) -> dict[str, float]:
    """Return, per raw table kept by day, how long before the night its newest day had ended; 0 for a day not yet over."""
    schedule, ages = definition.schedule, {}
    tonight = schedule.day_of(collected.as_of)
    for name in definition.data.tables:
        days = [day for day in DayTable(raw_uri(settings, collected.model, name), files).partitions() if day <= tonight]
        if days and max(days) > min(days):  # one day alone is a table without days
            ended = start_of_day(schedule, max(days) + timedelta(days=1))
            ages[name] = max((collected.as_of - ended) / timedelta(hours=1), 0.0)
    return ages


def _hours_unwatched(collected: Collected, settings: Settings) -> float | None:
    before = NightStore(settings.database_url).nights(collected.model, collected.as_of, 1)
    return (collected.as_of - before[0].as_of) / timedelta(hours=1) if before else None
