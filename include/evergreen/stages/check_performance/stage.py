"""The stage: read what came true, judge it, keep what was seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.features.windows import start_of_day
from evergreen.files import Files
from evergreen.observation import CheckKind, Finding, Observation
from evergreen.predictors.bundle import read_bundle
from evergreen.stages.check_performance.cohort import LABEL_DAYS, ONE_DAY
from evergreen.stages.check_performance.expected import expected_metrics
from evergreen.stages.check_performance.findings import performance_findings
from evergreen.tables.observations import keep_observation
from evergreen.tables.outcomes import LABEL, LABEL_AVAILABLE_AT, TRAINED_THROUGH
from evergreen.tables.watched_rows import first_watched_day, read_outcomes

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.schedule import Schedule
    from evergreen.results import ChampionVersion, CheckedNight, Collected
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def check_performance(definition: ModelDefinition, collected: Collected, settings: Settings) -> CheckedNight:
    """Judge how good the champion's answers were, on the newest days whose labels have matured.

    Args:
        definition: The model.
        collected: What `collect` returned.
        settings: Where things are.

    Raises:
        DigestMismatchError: The champion's bundle or measurement is not the one that was decided on.
        DataError: A version of a table is gone.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    champion = collected.champion
    if champion is None:
        return keep_observation(_observation(collected, pd.DataFrame(), ()), settings, files)
    rules = definition.monitoring.performance
    rows = _rows(definition, collected, champion, files)
    mature = last_mature_day(definition.schedule, collected.as_of, rules.mature_after)
    manifest, _ = read_bundle(files, champion.bundle_uri, champion.bundle_digest)
    findings = performance_findings(
        rows,
        expected=expected_metrics(champion, settings, files),
        rules=rules,
        threshold=manifest.threshold,
        costs=definition.training.costs,
        last_mature_day=mature,
    )
    window = rows[(rows["_day"] <= mature) & (rows["_day"] > mature - rules.window)]
    checked = keep_observation(_observation(collected, window, findings), settings, files)
    logger.info("%s: %s", definition.name, checked.headline)
    return checked


def last_mature_day(schedule: Schedule, as_of: datetime, mature_after: timedelta) -> date:
    """Return the newest local day that had ended `mature_after` before an as-of."""
    return schedule.day_of(as_of - mature_after) - ONE_DAY


def _rows(definition: ModelDefinition, collected: Collected, champion: ChampionVersion, files: Files) -> pd.DataFrame:
    """Return the champion's answers of days after any it has learned from: rows of one day share their weather."""
    first = first_watched_day(definition.monitoring.performance, collected.last_day)
    rows = read_outcomes(collected, files, first, collected.last_day)
    seen_day = definition.schedule.day_of(champion.trained_through)
    rows = rows[(rows["_event_time"] > rows[TRAINED_THROUGH]) & (rows["_day"] > seen_day)]
    ends = {day: pd.Timestamp(start_of_day(definition.schedule, day + ONE_DAY)) for day in set(rows["_day"])}
    waited = rows[LABEL_AVAILABLE_AT] - pd.to_datetime(rows["_day"].map(ends), utc=True)
    return rows.assign(**{LABEL_DAYS: waited / pd.Timedelta(days=1)}).reset_index(drop=True)


def _observation(collected: Collected, window: pd.DataFrame, findings: tuple[Finding, ...]) -> Observation:
    champion = collected.champion
    return Observation(
        model=collected.model,
        as_of=collected.as_of,
        kind=CheckKind.PERFORMANCE,
        release_version=champion and champion.version,
        bundle_digest=champion and champion.bundle_digest,
        first_day=None if window.empty else min(window["_day"]),
        last_day=None if window.empty else max(window["_day"]),
        rows=0 if window.empty else int(window[LABEL].notna().sum()),
        findings=findings,
    )
