"""Does a decision record stand behind these bytes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import UndecidedError
from evergreen.results import Outcome

if TYPE_CHECKING:
    from evergreen.registry.decisions import DecisionRecord
    from evergreen.results import SmokeTest, Verdict


def require_decision(record: DecisionRecord | None, *, decision_id: str, model: str, bundle_digest: str) -> DecisionRecord:
    """Return the record when it lets these very bytes be released.

    Args:
        record: What the decision store holds under `decision_id`.
        decision_id: The decision that is named as the reason.
        model: The model to be released.
        bundle_digest: Digest of the bytes to be released.

    Raises:
        UndecidedError: There is no such record, or it is about something else, or it says no.
    """
    wanted = f"a decision `promote` of {model} about bundle {bundle_digest}"
    remedy = f"let the gate judge this bundle: evergreen run training {model}"
    if record is None:
        raise UndecidedError(
            "a release has no decision record",
            found=f"no decision {decision_id or '(none named)'}",
            allowed=wanted,
            remedy=remedy,
        )
    if (record.model, record.challenger_digest) != (model, bundle_digest):
        raise UndecidedError(
            "the decision record is about something else",
            found=f"decision {record.id} about {record.model}, bundle {record.challenger_digest}",
            allowed=wanted,
            remedy=remedy,
        )
    if record.outcome is not Outcome.PROMOTE:
        raise UndecidedError(
            "the decision record does not allow a release",
            found=f"decision {record.id} says {record.outcome}: {record.reasons[0]}",
            allowed=wanted,
            remedy="keep the champion, or read the gate's report and train again",
        )
    return record


def require_tested(tested: SmokeTest, verdict: Verdict) -> None:
    """Refuse what was not tested as it was decided on, and what was not decided to be promoted.

    Raises:
        UndecidedError: The test is of other bytes or another decision, or the verdict does not allow a release.
    """
    registered = tested.registered
    if (registered.bundle_digest, registered.decision_id) != (verdict.challenger.bundle_digest, verdict.decision_id):
        raise UndecidedError(
            "what was tested is not what was decided on",
            found=f"tested: bundle {registered.bundle_digest}, decision {registered.decision_id}",
            allowed=f"bundle {verdict.challenger.bundle_digest}, decision {verdict.decision_id}",
            remedy="run the training again: its stages hand on one and the same challenger",
        )
    if verdict.outcome is not Outcome.PROMOTE:
        raise UndecidedError(
            "a release is not what was decided",
            found=f"{verdict.outcome}: {verdict.reasons[0]}",
            allowed="promote",
            remedy="keep the champion; the gate's report says why",
        )
