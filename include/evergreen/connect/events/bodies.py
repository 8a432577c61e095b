"""What an asset event says: nothing but "look", or a request with a body that is checked here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from evergreen.connect.run import AS_OF_PATTERN, resolve_as_of
from evergreen.definitions.events import WorkKind
from evergreen.digests import digest_json
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.registry.requests import WorkRequest

KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,199}$"
EXAMPLE = '{"starts": "training", "key": "campaign-2026-11", "reason": "new prices"}'
_OWN_FIELDS = ("as_of", "reason", "decision")
_MARKS = ("from_rest_api", "from_trigger")
"""What Airflow itself adds to the extra of an event."""


class Body(BaseModel):
    """A request as a caller writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    starts: WorkKind
    """What to start."""
    key: Annotated[str, StringConstraints(pattern=KEY_PATTERN)]
    """The caller's own name of this unit of work: the same key never starts it twice."""
    as_of: Annotated[str, StringConstraints(pattern=AS_OF_PATTERN)] | None = None
    """The moment the run pretends it is; default the newest nightly moment when the event came."""
    reason: Annotated[str, StringConstraints(max_length=300)] | None = None
    """Why; kept with the run."""
    params: dict[str, Any] = {}
    """Other fields of the run's form."""


@dataclass(frozen=True)
class Said:
    """What one event or one message of it says."""

    text: str
    """The body as it came, cut off where it is very long; empty when it only says "look"."""
    value: object = None
    """The body as JSON; None when it only says "look"."""
    source: str = "rest"
    receipt: tuple[str, str] | None = None
    """For a queue's message: its id and the handle it is deleted by."""


def said_by(extra: Mapping[str, Any]) -> Iterator[Said]:
    """Yield what an event's extra says: one request or one wake-up, or one of them per message of a queue."""
    payload = extra.get("payload") if extra.get("from_trigger") else None
    if isinstance(payload, dict):
        for message in payload.get("message_batch") or ():
            yield _message(message)
        return
    value = {name: part for name, part in extra.items() if name not in _MARKS}
    yield Said(text_of(value), value, "rest") if value else Said("")


def said_in_form(params: Mapping[str, Any]) -> Said | None:
    """Return the request of a filled form; None when it is empty."""
    given = {name: params[name] for name in Body.model_fields if params.get(name)}
    return Said(text_of(given), given, "form") if given else None


def _message(message: Mapping[str, Any]) -> Said:
    text = str(message.get("Body", ""))
    receipt = (str(message.get("MessageId", "")), str(message.get("ReceiptHandle", "")))
    value = _opened(text)
    if _is_notification(value):
        return Said("", None, "queue", receipt)
    return Said(text[:_LONGEST_TEXT], text if value is None else value, "queue", receipt)


_LONGEST_TEXT = 4000


def text_of(value: object) -> str:
    """Return a body as text, cut off where it is very long."""
    return json.dumps(value, sort_keys=True, default=str)[:_LONGEST_TEXT]


def _opened(text: str) -> object:
    """Return a message as JSON, taken out of SNS's envelope if it came through a topic; None when it is no JSON."""
    try:
        value = json.loads(text)
        if isinstance(value, dict) and value.get("Type") == "Notification" and isinstance(value.get("Message"), str):
            value = json.loads(value["Message"])
    except ValueError:
        return None
    return value


def _is_notification(value: object) -> bool:
    """Return whether S3 speaks; which object came does not matter, the landing zone itself is looked at."""
    return isinstance(value, dict) and (isinstance(value.get("Records"), list) or value.get("Event") == "s3:TestEvent")


def request_from(definition: ModelDefinition, said: Said, heard_at: datetime) -> WorkRequest:
    """Return the request that a body makes.

    Args:
        definition: The model.
        said: A body, not a mere wake-up.
        heard_at: When the event came; the newest nightly moment then is the as-of of a body that names none.

    Raises:
        RequestError: The body is not what it ought to be.
    """
    from evergreen.registry.requests import WorkRequest

    body = _checked(said)
    as_of = resolve_as_of(definition, body.as_of, heard_at)
    if as_of > heard_at:
        raise RequestError(
            "the as-of lies in the future",
            found=as_of.isoformat(),
            allowed=f"a moment up to {heard_at.isoformat()}, when the event came",
            remedy="leave as_of out, or send the event again when its time has come",
        )
    _check_params(definition, body)
    content = body.model_dump(exclude={"key", "reason"})
    return WorkRequest(
        model=definition.name,
        kind=body.starts,
        key=body.key,
        as_of=as_of,
        reason=body.reason or f"asked for by event {body.key}",
        params=body.params,
        content_digest=digest_json(content),
        source=said.source,
    )


def _checked(said: Said) -> Body:
    try:
        return Body.model_validate(said.value)
    except ValidationError as error:
        problems = [(".".join(str(part) for part in each["loc"]) or "body", each["msg"]) for each in error.errors()[:5]]
        raise RequestError(
            "the body of an event cannot be used",
            found=said.text[:300],
            allowed="; ".join(f"{place}: {message}" for place, message in problems),
            remedy=f"send a body such as {EXAMPLE}",
        ) from error


def _check_params(definition: ModelDefinition, body: Body) -> None:
    if not body.params:
        return
    from airflow.sdk.exceptions import ParamValidationError

    from evergreen.connect.params import night_params, training_params

    form = training_params(definition) if body.starts == "training" else night_params(definition)
    allowed = sorted(set(form) - set(_OWN_FIELDS))
    for name, value in body.params.items():
        try:
            if name not in allowed:
                raise ParamValidationError("there is no such field")  # one message for both
            form[name].resolve(value)
        except ParamValidationError as error:
            raise RequestError(
                f"the parameter {name!r} of an event is not allowed",
                found=f"{value!r}: {str(error).partition(chr(10))[0]}",
                allowed=f"fields of the form of {definition.name}.{body.starts}: {', '.join(allowed)}",
                remedy="correct `params` and send the event again",
            ) from error


def conflict(asked: WorkRequest, kept: WorkRequest) -> RequestError | None:
    """Return what is wrong when another request has the same key; None for a mere repetition."""
    if asked.content_digest == kept.content_digest:
        return None
    return RequestError(
        "the key of an event stands for another request already",
        found=f"key {asked.key!r} with as_of {asked.as_of.isoformat()} and params {asked.params}",
        allowed=f"a repetition of the first request (as_of {kept.as_of.isoformat()}, params {kept.params}), or a new key",
        remedy="choose a key of its own for each unit of work",
    )
