"""The stage: read what was concluded, decide, and keep the decision before anything is started."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.observation import Diagnosis, ProbeMeasurement
from evergreen.registry.nights import NightStore, decision_id
from evergreen.registry.restraints import PAST_NIGHTS
from evergreen.results import Decided
from evergreen.stages.retrain.decide_night import decide_night
from evergreen.tables.addresses import night_folder
from evergreen.tables.night_files import read_evidence

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.observation import NightDecision
    from evergreen.results import Collected, Probed, Triaged
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def decide(
    definition: ModelDefinition,
    collected: Collected,
    triaged: Triaged,
    probed: Probed | None,
    settings: Settings,
    *,
    report_uri: str = "",
) -> Decided:
    """Decide what is done about a night and keep the decision; a night decided before on the same evidence finds that decision.

    Args:
        definition: The model; its sections `monitoring` and `retraining` hold the rules.
        collected: What the night looks at.
        triaged: What triage made of it.
        probed: What the probe answered; None when it was not asked.
        settings: Where things are.
        report_uri: Page that shows the night.

    Raises:
        RequestError: The diagnosis or the probe is of another night.
        DigestMismatchError: The diagnosis, the probe or an earlier decision was changed.
        FileNotFoundError: The diagnosis or the probe is gone.
        StoreUnavailableError: A store did not answer.
    """
    files, store = Files.from_settings(settings), NightStore(settings.database_url)
    diagnosis = read_evidence(Diagnosis, triaged.diagnosis_uri, triaged.diagnosis_digest, files)
    probe = None
    if probed is not None:
        probe = read_evidence(ProbeMeasurement, probed.measurement_uri, probed.measurement_digest, files)
    for value in (diagnosis, probe):
        if value is not None and (value.model, value.as_of) != (collected.model, collected.as_of):
            raise RequestError(
                "a night cannot be decided on what another one concluded",
                found=f"{value.model}, {value.as_of:%Y-%m-%d %H:%M}",
                allowed=f"{collected.model}, {collected.as_of:%Y-%m-%d %H:%M}",
                remedy="clear the night's tasks from `triage` on so that they conclude again",
            )
    decision = decide_night(
        diagnosis,
        probe,
        store.nights(definition.name, collected.as_of, PAST_NIGHTS),
        new_rows=collected.new_rows,
        released_at=collected.released_at,
        monitoring=definition.monitoring,
        retraining=definition.retraining,
    )
    addresses = {"evidence_uri": night_folder(settings, collected.model, collected.as_of), "report_uri": report_uri}
    kept = store.record(_unless_late(decision, store).model_copy(update=addresses))
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
        report_uri=kept.report_uri,
    )


def _unless_late(decision: NightDecision, store: NightStore) -> NightDecision:
    """Let a night that is decided after a later one start nothing: the later one knew more, and counted without this one."""
    latest = store.latest(decision.model)
    if not decision.starts_training or latest is None or latest.as_of <= decision.as_of:
        return decision
    late = f"No training is started: the night of {latest.as_of:%Y-%m-%d} has been decided already."
    return decision.model_copy(update={"starts_training": False, "reasons": (*decision.reasons[:-1], late)})
