"""Does a decision record stand behind these bytes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.errors import UndecidedError
from evergreen.results import Outcome

if TYPE_CHECKING:
    from evergreen.registry.decisions import DecisionRecord


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
