"""The stage: read the measurement, decide, record, and put the verdict on the page."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.measurement import Measurement
from evergreen.registry.decisions import DecisionStore
from evergreen.reports.gate_report import render_gate_page
from evergreen.results import Verdict
from evergreen.stages.gate.decide import decide
from evergreen.stages.gate.record import make_record, write_ruling

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.results import Evaluation
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


def gate(definition: ModelDefinition, evaluation: Evaluation, settings: Settings, *, started_because: str = "") -> Verdict:
    """Decide on an evaluation and keep the decision record; the same evaluation and thresholds give the same record.

    Args:
        definition: The model; its `gate` section holds the thresholds.
        evaluation: What was measured.
        settings: Where things are.
        started_because: Why this training was started; shown on the page, no part of the decision.

    Raises:
        DigestMismatchError: The stored measurement is not the one that was evaluated.
        StoreUnavailableError: A store did not answer.
    """
    files = Files.from_settings(settings)
    measurement = _read(files, evaluation)
    decision = decide(measurement, definition.gate)
    record = make_record(definition, evaluation, measurement, decision)
    write_ruling(record, definition.gate, decision, files)
    record = DecisionStore(settings.database_url).record(record)
    page = render_gate_page(measurement, definition, decision=decision, decision_id=record.id, started_because=started_because)
    files.write_bytes(evaluation.report_uri, page.encode())
    logger.info("%s: %s. %s", definition.name, decision.outcome, decision.reasons[0])
    return Verdict(
        model=definition.name,
        as_of=evaluation.as_of,
        outcome=record.outcome,
        reasons=record.reasons,
        decision_id=record.id,
        challenger=evaluation.challenger,
        champion_version=evaluation.champion_version,
        measurement_uri=evaluation.measurement_uri,
        report_uri=evaluation.report_uri,
        rows_needed=record.rows_needed,
    )


def _read(files: Files, evaluation: Evaluation) -> Measurement:
    data = files.read_bytes(evaluation.measurement_uri)
    found = digest_bytes(data)
    if found != evaluation.measurement_digest:
        raise _mismatch(evaluation, f"digest {found}", f"digest {evaluation.measurement_digest}")
    measurement = Measurement.from_bytes(data)
    challenger, champion = measurement.judged("challenger"), measurement.judged("champion")
    measured = (measurement.model, challenger and challenger.bundle_digest, champion and champion.version)
    expected = (evaluation.model, evaluation.challenger.bundle_digest, evaluation.champion_version)
    if measured != expected:
        raise _mismatch(evaluation, f"a measurement of {measured}", f"a measurement of {expected}")
    return measurement


def _mismatch(evaluation: Evaluation, found: str, allowed: str) -> DigestMismatchError:
    return DigestMismatchError(
        "a measurement is not the one that was evaluated",
        found=f"{evaluation.measurement_uri}: {found}",
        allowed=allowed,
        remedy="evaluate again; nothing is decided on a changed measurement",
    )
