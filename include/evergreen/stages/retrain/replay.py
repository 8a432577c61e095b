"""Decide a night again on what was kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evergreen.digests import digest_json
from evergreen.errors import RequestError
from evergreen.files import Files
from evergreen.observation import Diagnosis, ProbationMeasurement, ProbeMeasurement
from evergreen.registry.nights import NightStore, decision_id
from evergreen.registry.restraints import PAST_NIGHTS
from evergreen.stages.retrain.case import NightCase
from evergreen.tables.night_files import evidence_uri, read_evidence, read_terms

if TYPE_CHECKING:
    from evergreen.observation import NightDecision, PastNight
    from evergreen.settings import Settings


class Replayed(NamedTuple):
    """A night decided again."""

    decision: NightDecision
    same: bool
    """Whether it comes to the same: action, reasons, and everything it rests on."""


def replay(night: NightDecision, settings: Settings) -> Replayed:
    """Decide a night again: from its diagnosis, its measurements, the nights before and the rules that were in force.

    Args:
        night: A decision that is kept.
        settings: Where things are.

    Raises:
        RequestError: The nights before it, or what else it rests on, are no longer as they were.
        FileNotFoundError: A piece of evidence is gone.
        DigestMismatchError: A piece of evidence was changed.
        StoreUnavailableError: A store did not answer.
    """
    files, folder, key = Files.from_settings(settings), night.evidence_uri, decision_id(night)
    diagnosis = evidence_uri(folder, "diagnosis", night.diagnosis_digest)
    probe = compared = None
    if night.probe_digest is not None:
        probe = read_evidence(ProbeMeasurement, evidence_uri(folder, "probe", night.probe_digest), night.probe_digest, files)
    if night.probation_digest is not None:
        uri = evidence_uri(folder, "probation", night.probation_digest)
        compared = read_evidence(ProbationMeasurement, uri, night.probation_digest, files)
    case = NightCase(
        diagnosis=read_evidence(Diagnosis, diagnosis, night.diagnosis_digest, files),
        probe=probe,
        compared=compared,
        past=_past(night, NightStore(settings.database_url)),
        terms=read_terms(folder, key, files),
    )
    # A rule that came later, with its default, changes the digest of the rules and not what they say.
    again = case.decide().model_copy(update={"policy_digest": night.policy_digest})
    return Replayed(again, decision_id(again) == key)


def _past(night: NightDecision, store: NightStore) -> tuple[PastNight, ...]:
    """Return the nights before, as they were known then."""
    found = store.nights(night.model, night.as_of, PAST_NIGHTS, known_at=night.recorded_at)
    if digest_json([each.to_xcom() for each in found]) != night.past_digest:
        raise RequestError(
            "the nights before are not the ones that the decision rests on",
            found=f"{len(found)} nights before {night.as_of:%Y-%m-%d %H:%M} whose digest is another one",
            allowed=f"nights with the digest {night.past_digest}",
            remedy="find out who changed the database, and restore it from a backup",
        )
    return tuple(found)
