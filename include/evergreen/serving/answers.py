"""What a release says of some rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to n rows, in their order; every list has n values."""

    key: Sequence[str]
    event_time_us: Sequence[int]
    """Microseconds since 1970, UTC."""
    moment_us: Sequence[int]
    """The moment of prediction."""
    features: Sequence[Sequence[float | str | None]]
    """Per row, in the order of the release's manifest."""
    probability: Sequence[float]
    decision: Sequence[bool]
    review: Sequence[bool]
    """Whether a person should decide."""

    def part(self, first: int, end: int) -> Answers:
        """Return the answers from one row up to, not including, another."""
        return Answers(
            self.key[first:end],
            self.event_time_us[first:end],
            self.moment_us[first:end],
            self.features[first:end],
            self.probability[first:end],
            self.decision[first:end],
            self.review[first:end],
        )


class Prediction(msgspec.Struct, gc=False, frozen=True):
    """One row's answer, as it is sent."""

    key: str
    probability: float
    """Of a yes, between 0 and 1."""
    decision: bool
    """Yes from the release's threshold on."""
    review: bool
    """The probability lies where the definition wants a person to decide."""


class PredictResponse(msgspec.Struct, frozen=True):
    """The answer to a request."""

    model: str
    release_version: str
    bundle_digest: str
    features_as_of: str
    """The night of the entity features, RFC 3339."""
    request_id: str
    predictions: list[Prediction]


class InvocationsResponse(msgspec.Struct, frozen=True):
    """The same, as MLflow's scoring protocol has it."""

    predictions: list[Prediction]


def predictions(answers: Answers) -> list[Prediction]:
    """Return answers as they are sent."""
    return list(map(Prediction, answers.key, answers.probability, answers.decision, answers.review))
