"""The stage: read what was concluded, decide, and keep the decision before anything is started."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.observation import Diagnosis, NightTerms, ProbationMeasurement, ProbeMeasurement
from evergreen.registry.nights import NightStore, decision_id
from evergreen.registry.restraints import PAST_NIGHTS
from evergreen.results import Decided
from evergreen.stages.retrain.case import NightCase
from evergreen.tables.addresses import night_folder
from evergreen.tables.night_files import keep_terms, read_evidence

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import Collected, ComparedReleases, Probed, Triaged
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def decide(
    definition: ModelDefinition,
    collected: Collected,
    triaged: Triaged,
    probed: Probed | None,
    settings: Settings,
    *,
    compared: ComparedReleases | None = None,
    report_uri: str = "",
) -> Decided:
    """Decide what is done about a night and keep the decision; a night decided before on the same evidence finds that decision.

    What it rests on is kept first, so that it can be decided again: `retrain.replay`.

    Args:
        definition: The model; its sections `monitoring`, `retraining` and `release.probation` hold the rules.
        collected: What the night looks at.
        triaged: What triage made of it.
        probed: What the probe answered; None when it was not asked.
        settings: Where things are.
        compared: The champion beside the release that it replaced; None when no look was due.
        report_uri: Page that shows the night.

    Raises:
        RequestError: The diagnosis or a measurement is of another night.
        DigestMismatchError: The diagnosis, a measurement or an earlier decision was changed.
        FileNotFoundError: The diagnosis or a measurement is gone.
        StoreUnavailableError: A store did not answer.
    """
    files, store = Files.from_settings(settings), NightStore(settings.database_url)
    latest, probe, beside = store.latest(definition.name), None, None
    if probed is not None:
        probe = read_evidence(ProbeMeasurement, probed.measurement_uri, probed.measurement_digest, files)
    if compared is not None:
        beside = read_evidence(ProbationMeasurement, compared.measurement_uri, compared.measurement_digest, files)
    case = NightCase(
        diagnosis=read_evidence(Diagnosis, triaged.diagnosis_uri, triaged.diagnosis_digest, files),
        probe=probe,
        compared=beside,
        past=tuple(store.nights(definition.name, collected.as_of, PAST_NIGHTS)),
        terms=NightTerms(
            model=definition.name,
            as_of=collected.as_of,
            new_rows=collected.new_rows,
            released_at=collected.released_at,
            newest_night=latest.as_of if latest else None,
            monitoring=definition.monitoring,
            retraining=definition.retraining,
            probation=definition.release.probation,
        ),
    )
    _require_one_night(case, collected)
    decision = case.decide()
    keep_terms(case.terms, decision_id(decision), settings, files)
    addresses = {"evidence_uri": night_folder(settings, collected.model, collected.as_of), "report_uri": report_uri}
    kept = store.record(decision.model_copy(update=addresses))
    logger.info("%s: %s because of %s. %s", kept.model, kept.action, kept.cause, kept.reasons[0])
    return Decided(
        model=kept.model,
        as_of=kept.as_of,
        decision_id=decision_id(kept),
        action=kept.action,
        cause=kept.cause,
        severity=kept.severity,
        reasons=kept.reasons,
        starts_training=kept.starts_training,
        rolls_back_to=kept.rolls_back_to,
        report_uri=kept.report_uri,
    )


def _require_one_night(case: NightCase, collected: Collected) -> None:
    for value in (case.diagnosis, case.probe, case.compared):
        if value is not None and (value.model, value.as_of) != (collected.model, collected.as_of):
            raise RequestError(
                "a night cannot be decided on what another one concluded",
                found=f"{value.model}, {value.as_of:%Y-%m-%d %H:%M}",
                allowed=f"{collected.model}, {collected.as_of:%Y-%m-%d %H:%M}",
                remedy="clear the night's tasks from `triage` on so that they conclude again",
            )
