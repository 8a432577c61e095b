"""Answers as the gateway would log them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from evergreen.serving.log import CHAMPION, AnsweringRelease, AnswerRecord

MODEL = "flights"
BUNDLE = "b" * 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime(2013, 4, 2, 12, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def a_release(bundle_digest: str = BUNDLE, **changes: Any) -> AnsweringRelease:
    value = {
        "bundle_digest": bundle_digest,
        "timezone": "America/New_York",
        "key": ("id",),
        "numeric": ("distance", "temp"),
        "categorical": ("carrier", "hour"),
    }
    return AnsweringRelease(**{**value, **changes})


def an_answer(number: int, **changes: Any) -> AnswerRecord:
    """One of many that are all different: a minute apart, about rows of the same days."""
    event = FIRST + timedelta(minutes=number)
    value: dict[str, Any] = {
        "request_id": f"request-{number}",
        "row": 0,
        "key": f"row-{number}",
        "event_time_us": microseconds(event),
        "moment_us": microseconds(event - timedelta(hours=2)),
        "answered_at_us": microseconds(event - timedelta(hours=3)),
        "role": CHAMPION,
        "release_version": "1",
        "bundle_digest": BUNDLE,
        "trained_through_us": microseconds(datetime(2013, 3, 31, tzinfo=UTC)),
        "online_digest": "o" * 32,
        "online_as_of_us": microseconds(event - timedelta(hours=8)),
        "inputs": {"id": f"row-{number}", "distance": number, "carrier": "ü&", "at": event, "none": None},
        "features": [float(number), float("nan"), "ü&", None],
        "probability": (number % 100) / 100,
        "decision": number % 2 == 0,
        "review": False,
        "latency_us": 100 + number,
    }
    return AnswerRecord(**{**value, **changes})
