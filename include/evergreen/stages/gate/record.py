"""What is kept of a decision: its record in the database, and beside the measurement the thresholds it was taken under."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions.gate import Gate
from evergreen.errors import DigestMismatchError
from evergreen.files import join_uri
from evergreen.measurement import Decision
from evergreen.registry.decisions import DecisionRecord
from evergreen.results import Result, canonical_bytes

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.measurement import Measurement
    from evergreen.results import Evaluation


class Ruled(Result):
    """A decision with the thresholds it was taken under: with its measurement, all that is needed to take it again."""

    rules: Gate
    decision: Decision


def make_record(
    definition: ModelDefinition, evaluation: Evaluation, measurement: Measurement, decision: Decision
) -> DecisionRecord:
    """Return the record of a decision, not yet kept."""
    champion = measurement.judged("champion")
    return DecisionRecord(
        model=definition.name,
        as_of=evaluation.as_of,
        outcome=decision.outcome,
        reasons=decision.reasons,
        challenger_name=evaluation.challenger.name,
        challenger_digest=evaluation.challenger.bundle_digest,
        champion_version=evaluation.champion_version,
        champion_digest=champion.bundle_digest if champion else None,
        holdout_digest=evaluation.holdout_digest,
        measurement_digest=evaluation.measurement_digest,
        gate_digest=definition.digest("gate"),
        measurement_uri=evaluation.measurement_uri,
        report_uri=evaluation.report_uri,
        mlflow_run_id=evaluation.challenger.mlflow_run_id,
        rows_needed=decision.rows_needed,
    )


def write_ruling(record: DecisionRecord, rules: Gate, decision: Decision, files: Files) -> None:
    """Keep the thresholds and every rule as it was found; done before the record, so that no record lacks them."""
    files.write_bytes(ruling_uri(record), canonical_bytes(Ruled(rules=rules, decision=decision)))


def ruling_uri(record: DecisionRecord) -> str:
    """Return where the thresholds and the decision of a record are kept: beside its measurement."""
    folder, _, _ = record.measurement_uri.rpartition("/")
    return join_uri(folder, f"decision-{record.id}.json")


def read_ruling(definition: ModelDefinition, record: DecisionRecord, files: Files) -> Ruled:
    """Read the thresholds and the decision of a record, whatever model.yaml says today.

    Args:
        definition: The model; its own thresholds are not looked at.
        record: The decision.
        files: Where things are.

    Raises:
        FileNotFoundError: They are gone.
        DigestMismatchError: They are not the ones on record.
    """
    ruled = Ruled.model_validate_json(files.read_bytes(ruling_uri(record)))
    found = definition.model_copy(update={"gate": ruled.rules}).digest("gate")
    if found != record.gate_digest:
        raise DigestMismatchError(
            "stored thresholds are not the ones that were decided by",
            found=f"{ruling_uri(record)}: digest {found}",
            allowed=f"digest {record.gate_digest}",
            remedy="restore the file from a backup",
        )
    return ruled
