"""The stage: read the window and the days before it, judge each day, keep what was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.files import Files
from evergreen.observation import CheckKind, Observation
from evergreen.predictors.bundle import read_profile
from evergreen.stages.check_quality.findings import quality_findings
from evergreen.tables.observations import keep_observation
from evergreen.tables.watched_rows import read_trailing, read_watched

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.observation import Finding
    from evergreen.results import ChampionVersion, CheckedNight, Collected
    from evergreen.settings import Settings


def check_quality(definition: ModelDefinition, collected: Collected, settings: Settings) -> CheckedNight:
    """Look for faults in every day of the window since the champion's release.

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
    findings = () if champion is None else _findings(definition, collected, champion, files)
    days, rows = {*collected.scored_rows, *collected.missing_days}, sum(collected.scored_rows.values())
    seen = Observation.of(collected, CheckKind.QUALITY, findings, days=days, rows=rows)
    return keep_observation(seen, settings, files)


def _findings(
    definition: ModelDefinition, collected: Collected, champion: ChampionVersion, files: Files
) -> tuple[Finding, ...]:
    rules = definition.monitoring.quality
    reference = read_profile(files, champion.bundle_uri, champion.bundle_digest)
    rows = read_watched(collected, files, collected.first_day, collected.last_day)
    eve = collected.first_day - timedelta(days=1)
    trailing = read_trailing(collected, files, collected.first_day - rules.trailing, eve)
    findings = quality_findings(
        rows[~rows["_day"].isin(list(collected.readmitted))],
        trailing,
        days=sorted({*collected.scored_rows, *collected.missing_days} - set(collected.readmitted)),
        numeric=reference.numeric,
        categorical=reference.categorical,
        reference=reference,
        rules=rules,
    )
    return tuple(_with_failures(finding, collected.scoring_failures) for finding in findings)


def _with_failures(finding: Finding, failures: tuple[str, ...]) -> Finding:
    """Say of a missing day what validation said of it."""
    if finding.check != "missing_day" or not failures:
        return finding
    told = [failure for failure in failures if finding.subject in failure] or failures
    return finding.model_copy(update={"reason": f"{finding.reason}; validation said: {' · '.join(told[:3])}"})
