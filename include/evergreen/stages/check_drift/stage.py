"""The stage: compare the window with the release's reference, draw Evidently's report, keep what was seen."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.features.windows import ONE_DAY, last_mature_day
from evergreen.files import Files
from evergreen.observation import CheckKind, Observation
from evergreen.predictors.bundle import read_profile
from evergreen.reports.drift_report import SUFFIX, draw_classification, draw_evidently
from evergreen.reports.drift_sample import sample_reference, sample_rows
from evergreen.stages.check_drift.findings import drift_findings
from evergreen.statistics.column_profile import rows_by_weekday
from evergreen.tables.addresses import as_of_name, report_uri
from evergreen.tables.observations import keep_observation
from evergreen.tables.watched_rows import read_outcomes, read_watched

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.monitoring import Monitoring
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.results import CheckedNight, Collected
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def check_drift(definition: ModelDefinition, collected: Collected, settings: Settings) -> CheckedNight:
    """Compare what came in, what was answered and what came true with the release's own reference.

    Args:
        definition: The model.
        collected: What `collect` returned.
        settings: Where things are.

    Raises:
        DigestMismatchError: The champion's bundle is not the one that was decided on.
        DataError: A version of a table is gone.
        StoreUnavailableError: A store did not answer.
    """
    files, champion, rules = Files.from_settings(settings), collected.champion, definition.monitoring
    if champion is None:
        return keep_observation(Observation.of(collected, CheckKind.DRIFT, (), days=(), rows=0), settings, files)
    reference = read_profile(files, champion.bundle_uri, champion.bundle_digest)
    rows = read_watched(collected, files, collected.first_day, collected.last_day)
    matured = _matured(
        collected, files, rules, last_mature_day(definition.schedule, collected.as_of, rules.performance.mature_after)
    )
    findings = drift_findings(rows, reference=reference, rules=rules, labels=matured[["_day", "label"]])
    days = (collected.first_day, collected.last_day) if len(rows) else ()
    return keep_observation(
        Observation.of(collected, CheckKind.DRIFT, findings, days=days, rows=len(rows)),
        settings,
        files,
        evidently_uri=_keep_page("drift", lambda: _draw(rows, reference, rules), collected, settings, files),
        answers_uri=_keep_page(
            "answers", lambda: draw_classification(sample_rows(matured, rules.report_rows)), collected, settings, files
        ),
    )


def _matured(collected: Collected, files: Files, rules: Monitoring, last: date) -> pd.DataFrame:
    """Return the outcomes of the newest days that had ended long enough ago, the last of them given."""
    rows = read_outcomes(collected, files, last + ONE_DAY - rules.performance.window, last)
    return rows[rows["label"].notna()]


def _keep_page(name: str, draw: Callable[[], bytes | None], collected: Collected, settings: Settings, files: Files) -> str:
    """Keep a page that Evidently draws, and return where; a night is not lost because a picture cannot be drawn."""
    try:
        page = draw()
    except Exception:  # whatever Evidently and Plotly raise on odd columns
        logger.exception("Evidently could not draw the %s of this night", name)
        return ""
    if page is None:
        return ""
    uri = report_uri(settings, collected.model, "monitoring", f"{as_of_name(collected.as_of)}-{name}{SUFFIX}")
    files.write_bytes(uri, page)
    return uri


def _draw(rows: pd.DataFrame, reference: ReferenceProfile, rules: Monitoring) -> bytes | None:
    """Draw how far each column has moved."""
    numeric, profiles = reference.numeric, dict(reference.features)
    if reference.probability is not None:
        profiles["probability"] = reference.probability
        numeric.append("probability")
    mix = rows_by_weekday(rows["_day"].to_numpy().astype("datetime64[D]")) if len(rows) else None
    weekday_rows = mix if rules.drift.reference == "same_weekdays" else None
    drawn = draw_evidently(
        sample_rows(rows, rules.report_rows),
        sample_reference(profiles, rules.report_rows, weekday_rows),
        numeric,
        reference.categorical,
        numeric_limit=rules.drift.numeric_effect,
        categorical_limit=rules.drift.categorical_effect,
    )
    for column, reason in drawn.left_out.items():
        logger.warning("not drawn: %s, %s", column, reason)
    return drawn.page
