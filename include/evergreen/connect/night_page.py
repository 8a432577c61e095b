"""The page of a night: drawn once the night is decided, from what its checks saw and from the nights before."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from evergreen.connect.run import Run
    from evergreen.files import Files
    from evergreen.observation import NightDecision, Observation
    from evergreen.results import CheckedNight, Collected, ComparedReleases, Probed, Triaged
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)

NIGHTS_DRAWN = 30
"""Earlier nights whose metrics the page shows as well."""


def night_page_uri(run: Run) -> str:
    """Return where the page of a run's night is written."""
    from evergreen.tables.addresses import as_of_name, report_uri

    return report_uri(run.settings, run.definition.name, "monitoring", f"{as_of_name(run.as_of)}.html")


def draw_night(
    run: Run,
    collected: Collected,
    checked: Sequence[CheckedNight],
    triaged: Triaged,
    probed: Probed | None,
    compared: ComparedReleases | None,
    decision: NightDecision,
) -> None:
    """Write a night's page; a page that cannot be drawn is logged, and the decision stands."""
    try:
        _draw(run, collected, checked, triaged, probed, compared, decision)
    except Exception:
        _log.exception("the page of the night could not be drawn; its decision %s stands", decision.action)


def _draw(
    run: Run,
    collected: Collected,
    checked: Sequence[CheckedNight],
    triaged: Triaged,
    probed: Probed | None,
    compared: ComparedReleases | None,
    decision: NightDecision,
) -> None:
    from evergreen.files import Files
    from evergreen.observation import CheckKind, Diagnosis, ProbationMeasurement, ProbeMeasurement
    from evergreen.reports.monitoring_report import render_monitoring_page
    from evergreen.tables.night_files import read_evidence
    from evergreen.tables.observations import read_observation

    files = Files.from_settings(run.settings)
    probe = probation = None
    if probed is not None:
        probe = read_evidence(ProbeMeasurement, probed.measurement_uri, probed.measurement_digest, files)
    if compared is not None:
        probation = read_evidence(ProbationMeasurement, compared.measurement_uri, compared.measurement_digest, files)
    drawn = next((each.evidently_uri for each in checked if each.evidently_uri), "")
    answers = next((each.answers_uri for each in checked if each.answers_uri), "")
    page = render_monitoring_page(
        {CheckKind(each.kind): read_observation(each, files) for each in checked},
        model=run.definition.name,
        as_of=run.as_of.astimezone(run.definition.schedule.zone),
        diagnosis=read_evidence(Diagnosis, triaged.diagnosis_uri, triaged.diagnosis_digest, files),
        probe=probe,
        probation=probation,
        decision=decision,
        history=_history(run.settings, decision, files),
        probabilities=_probabilities(collected, files),
        evidently_href=drawn.rpartition("/")[2],  # they lie beside this page
        answers_href=answers.rpartition("/")[2],
    )
    files.write_bytes(decision.report_uri, page.encode())


def _history(settings: Settings, decision: NightDecision, files: Files) -> list[Observation]:
    """Return what the earlier nights saw of performance; a night whose files are gone is left out."""
    from evergreen.errors import DigestMismatchError
    from evergreen.observation import CheckKind, Diagnosis, Observation
    from evergreen.registry.nights import NightStore
    from evergreen.tables.night_files import evidence_uri, read_evidence

    store = NightStore(settings.database_url)
    found = []
    for past in store.nights(decision.model, decision.as_of, NIGHTS_DRAWN):
        night = store.get(past.decision_id)
        if night is None:
            continue
        try:
            uri = evidence_uri(night.evidence_uri, "diagnosis", night.diagnosis_digest)
            diagnosis = read_evidence(Diagnosis, uri, night.diagnosis_digest, files)
            digest = diagnosis.observations[CheckKind.PERFORMANCE]
            uri = evidence_uri(night.evidence_uri, "observation-performance", digest)
            found.append(read_evidence(Observation, uri, digest, files))
        except (FileNotFoundError, DigestMismatchError, KeyError):
            _log.info("the night of %s is not drawn: its files are gone or changed", night.as_of)
    return found


def _probabilities(collected: Collected, files: Files) -> Markup | None:
    """Draw what the champion answers now beside what it answered of its reference."""
    from evergreen.predictors.bundle import read_profile
    from evergreen.reports.monitoring_charts import probability_chart
    from evergreen.tables.watched_rows import read_watched

    champion = collected.champion
    if champion is None:
        return None
    reference = read_profile(files, champion.bundle_uri, champion.bundle_digest).probability
    if reference is None:
        return None
    rows = read_watched(collected, files, collected.first_day, collected.last_day)
    counts = [sum(weekday) for weekday in zip(*reference.counts, strict=True)]
    return probability_chart(rows["probability"].to_numpy(), reference.values, counts)
