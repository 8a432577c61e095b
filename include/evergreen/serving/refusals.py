"""Saying no: one shape for every answer that is not the wanted one."""

from __future__ import annotations

import difflib
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from evergreen.errors import CallError, EvergreenError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from evergreen.errors import FieldProblem

LONGEST_ECHO = 80
"""Most characters of what a caller sent that an answer repeats."""


def refusal(status: int, what: str, *, found: str, allowed: str, remedy: str, fields: Sequence[FieldProblem] = ()) -> CallError:
    """Make the error that answers a call with a status of 4xx, or 503 where the gateway itself cannot."""
    error = CallError(what, found=found, allowed=allowed, remedy=remedy)
    error.status = status
    error.fields = tuple(fields)
    return error


def unknown_model(name: str, served: Collection[str]) -> CallError:
    """Make the error for a name that is not served, with the nearest one that is."""
    near = difflib.get_close_matches(name, served, n=1, cutoff=0.5)
    names = ", ".join(sorted(served)[:20]) or "no model at all"
    return refusal(
        HTTPStatus.NOT_FOUND,
        f"there is no model {echo(name)}",
        found=echo(name),
        allowed=names,
        remedy=f"did you mean {near[0]}?" if near else "GET /models lists what is served",
    )


def unexpected() -> CallError:
    """Make the error for what nobody foresaw; what it was stands in the log and not in an answer."""
    return refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the gateway made a mistake",
        found="an error that nobody foresaw",
        allowed="an answer",
        remedy="look for the request's id in the gateway's log",
    )


def as_refusal(error: EvergreenError) -> CallError:
    """Return an error as the answer to a call."""
    if isinstance(error, CallError):
        return error
    return refusal(type(error).http_status, error.what, found=error.found, allowed=error.allowed, remedy=error.remedy)


def refusal_body(error: CallError, request_id: str) -> bytes:
    """Return the JSON of a refusal."""
    value = {
        "error": {
            "what": error.what,
            "found": error.found,
            "allowed": error.allowed,
            "remedy": error.remedy,
            "fields": [msgspec.to_builtins(problem) for problem in error.fields],
        },
        "request_id": request_id,
    }
    return msgspec.json.encode(value)


def echo(value: object) -> str:
    """Show what a caller sent: short, on one line, and in JSON's spelling where it has one."""
    try:
        text = msgspec.json.encode(value).decode() if not isinstance(value, str) else repr(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= LONGEST_ECHO else f"{text[: LONGEST_ECHO - 1]}…"
