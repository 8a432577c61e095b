"""The few parts of HTTP that the gateway needs, on raw ASGI: a framework would cost more than the model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from itertools import count
from secrets import token_hex
from typing import Any

from evergreen.serving.refusals import refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 16 * 2**20
BODY_TIMEOUT_SECONDS = 30.0
"""How long a caller may take to send a body that did not come at one go."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_JSON_TYPES = {b"application/json", b"text/json"}
_UTF8 = {b"utf-8", b"utf8", b"us-ascii"}


class Disconnected(Exception):
    """The caller has gone; there is nobody to answer."""


class Headers:
    """What the gateway looks at of a request's headers."""

    __slots__ = ("content_encoding", "content_length", "content_type", "is_probe", "key", "request_id")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.content_type = self.content_encoding = self.content_length = self.request_id = self.key = b""
        self.is_probe = False
        for name, value in raw:
            if name == b"content-type":
                self.content_type = value
            elif name == b"content-length":
                self.content_length = value
            elif name == b"content-encoding":
                self.content_encoding = value
            elif name == b"x-request-id":
                self.request_id = value
            elif name == b"authorization":
                # A proxy in front may have a use of its own for this header; then the key comes in the other one.
                if not self.key and value[:7].lower() == b"bearer ":
                    self.key = value[7:].strip()
            elif name == b"x-api-key":
                self.key = value.strip()
            elif name == b"x-evergreen-probe":
                self.is_probe = value.strip() not in (b"", b"0", b"false")


class RequestIds:
    """Names for requests: the caller's own where it has sent one that can be kept, else one that no other worker gives."""

    def __init__(self) -> None:
        self._prefix = token_hex(6)
        self._numbers = count(1)

    def of(self, headers: Headers) -> str:
        """Return the id of a request."""
        sent = headers.request_id
        if sent and _REQUEST_ID.fullmatch(sent):
            return sent.decode("ascii")
        return f"{self._prefix}-{next(self._numbers):x}"


def require_json(headers: Headers) -> None:
    """Refuse a body that does not claim to be JSON in UTF-8, as it is.

    Raises:
        CallError: With status 415.
    """
    if headers.content_type in (b"application/json", b""):
        wrong = b""
    else:
        kind, _, parameters = headers.content_type.lower().partition(b";")
        charset = re.search(rb"charset\s*=\s*\"?([^\s;\"]+)", parameters)
        named = charset.group(1) if charset else b"utf-8"
        wrong = b"" if kind.strip() in _JSON_TYPES and named in _UTF8 else headers.content_type
    if headers.content_encoding not in (b"", b"identity"):
        wrong = b"content-encoding: " + headers.content_encoding
    if wrong:
        raise refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body is of another kind",
            found=wrong.decode("latin-1")[:80],
            allowed="application/json in UTF-8, not compressed",
            remedy="send the header content-type: application/json (curl: -H 'content-type: application/json')",
        )


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Return a request's whole body.

    Raises:
        CallError: It is larger than `MAX_BODY_BYTES` (413) or comes too slowly (408).
        Disconnected: The caller has gone.
    """
    length = headers.content_length
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large(f"{int(length)} bytes")
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            return await _read_rest(body, receive)
    except TimeoutError:
        raise refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            "the body did not come in time",
            found=f"no end of it after {BODY_TIMEOUT_SECONDS:.0f} s",
            allowed="a whole body",
            remedy="send the request again",
        ) from None


async def _read_rest(body: bytes, receive: Receive) -> bytes:
    chunks, size = [body], len(body)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large(f"more than {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def respond(
    send: Send, status: int, content_type: bytes, body: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Send an answer."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _too_large(found: str) -> Exception:
    return refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "the body is too large",
        found=found,
        allowed=f"at most {MAX_BODY_BYTES} bytes",
        remedy="split the rows over several requests",
    )
