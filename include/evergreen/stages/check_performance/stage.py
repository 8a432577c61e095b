"""The stage: read what came true, judge it, keep what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from evergreen.features.windows import ONE_DAY, last_mature_day, start_of_day
from evergreen.files import Files
from evergreen.observation import CheckKind, Observation
from evergreen.predictors.bundle import read_bundle
from evergreen.stages.check_performance.cohort import LABEL_DAYS
from evergreen.stages.check_performance.expected import expected_metrics
from evergreen.stages.check_performance.findings import performance_findings
from evergreen.tables.observations import keep_observation
from evergreen.tables.outcomes import LABEL, LABEL_AVAILABLE_AT
from evergreen.tables.predictions import TRAINED_THROUGH
from evergreen.tables.watched_rows import first_watched_day, read_outcomes

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import ChampionVersion, CheckedNight, Collected
    from evergreen.settings import Settings


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
        return keep_observation(Observation.of(collected, CheckKind.PERFORMANCE, (), days=(), rows=0), settings, files)
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
    n_rows = int(window[LABEL].notna().sum())
    seen = Observation.of(collected, CheckKind.PERFORMANCE, findings, days=set(window["_day"]), rows=n_rows)
    return keep_observation(seen, settings, files)


def _rows(definition: ModelDefinition, collected: Collected, champion: ChampionVersion, files: Files) -> pd.DataFrame:
    """Return the champion's answers of days after any it has learned from: rows of one day share their weather."""
    first = first_watched_day(definition.monitoring.performance, collected.last_day)
    rows = read_outcomes(collected, files, first, collected.last_day)
    seen_day = definition.schedule.day_of(champion.trained_through)
    rows = rows[(rows["_event_time"] > rows[TRAINED_THROUGH]) & (rows["_day"] > seen_day)]
    ends = {day: pd.Timestamp(start_of_day(definition.schedule, day + ONE_DAY)) for day in set(rows["_day"])}
    waited = rows[LABEL_AVAILABLE_AT] - pd.to_datetime(rows["_day"].map(ends), utc=True)
    return rows.assign(**{LABEL_DAYS: waited / pd.Timedelta(days=1)}).reset_index(drop=True)
