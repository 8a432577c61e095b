"""The gateway as an ASGI application: routes, and what every answer has in common."""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

from evergreen.errors import AccessError, CallError, EvergreenError
from evergreen.serving.access.guard import Guard, require
from evergreen.serving.http import Disconnected, Headers, RequestIds, respond
from evergreen.serving.refusals import as_refusal, refusal, refusal_body, unexpected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from evergreen.serving.access.key_ring import HeldKey
    from evergreen.serving.gateway import Gateway
    from evergreen.serving.http import Receive, Scope, Send

logger = logging.getLogger(__name__)

JSON = b"application/json"
_NOT_CACHED = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
GET, POST = ("GET", "HEAD"), ("POST",)


class GatewayApp:
    """Answers HTTP. Raw ASGI: routing is two dictionary look-ups.

    Args:
        gateway: What answers.
        guard: Who is let in; without it everybody who reaches the gateway.
    """

    def __init__(self, gateway: Gateway, guard: Guard | None = None) -> None:
        self._gateway = gateway
        self._guard = guard or Guard()
        self._ids = RequestIds()
        self._pages: Mapping[str, Callable[[], tuple[int, bytes, bytes]]] = {
            "/": gateway.docs,
            "/docs": gateway.docs,
            "/openapi.json": gateway.openapi,
            "/version": gateway.version,
            "/metrics": gateway.metrics,
            "/models": gateway.models,
        }
        self._states: Mapping[str, Callable[[bool], tuple[int, bytes, bytes]]] = {
            "/health": gateway.health,
            "/ready": gateway.ready,
            "/ping": gateway.ready,
        }
        """Open to everybody, for load balancers; what is wrong is told to those who may know."""
        self._calls: Mapping[str, Callable[[str, Headers, Receive, str, float], Awaitable[bytes]]] = {
            "predict": gateway.predict,
            "invocations": gateway.invocations,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        path: str = scope["path"]
        parts = path.split("/")
        model = parts[2] if len(parts) > 3 and parts[1] == "models" else ""
        headers = Headers(scope["headers"])
        request_id = self._ids.of(headers)
        try:
            call = self._calls.get(parts[3]) if model and len(parts) == 4 else None
            if call is None and path == "/invocations":
                call = self._calls["invocations"]
            status: int = HTTPStatus.OK
            state = self._states.get(path)
            # Without a key nobody learns even which addresses there are.
            held = self._guard.admit(headers.key) if state is None else None
            if call is not None:
                if held is not None:
                    require(held, model or self._gateway.only_model(), "predict")
                _require_method(scope["method"], POST)
                body = await call(model, headers, receive, request_id, started)
                content_type = JSON
            elif state is not None:
                _require_method(scope["method"], GET)
                status, content_type, body = state(self._guard.sees_all(headers.key))
            else:
                status, content_type, body = self._page(path, parts, scope["method"], held)
        except Disconnected:
            self._gateway.count_error(model, "disconnected")
            return
        except Exception as error:
            await self._refuse(error, model, request_id, send)
            return
        self._gateway.count(model, status)
        await respond(send, status, content_type, body, ((b"x-request-id", request_id.encode()), *_NOT_CACHED))

    def _page(self, path: str, parts: list[str], method: str, held: HeldKey | None) -> tuple[int, bytes, bytes]:
        page = self._pages.get(path)
        if page is not None:
            require(held, "", "read")
            _require_method(method, GET)
            return page()
        if len(parts) == 3 and parts[1] == "models" and parts[2]:
            require(held, parts[2], "read")
            _require_method(method, GET)
            return self._gateway.model(parts[2])
        raise refusal(
            HTTPStatus.NOT_FOUND,
            "there is nothing at this address",
            found=repr(path)[:80],
            allowed="/models/{model}/predict, /models/{model}/invocations, /models, /health, /ready, /metrics, /docs",
            remedy="look at /docs",
        )

    async def _refuse(self, error: Exception, model: str, request_id: str, send: Send) -> None:
        if isinstance(error, EvergreenError):
            answer = as_refusal(error)
        else:
            logger.error("request %s", request_id, exc_info=error)
            answer = unexpected()
        self._gateway.count(model, answer.status)
        self._gateway.count_error(model, _kind(answer, error))
        more = [(b"x-request-id", request_id.encode()), *_NOT_CACHED]
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            more.append((b"allow", answer.allowed.encode()))
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            more.append((b"retry-after", b"1"))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            more.append((b"www-authenticate", b'Bearer realm="evergreen"'))
        if isinstance(answer, AccessError) and answer.retry_after_seconds:
            more.append((b"retry-after", b"%d" % answer.retry_after_seconds))
        await respond(send, answer.status, JSON, refusal_body(answer, request_id), tuple(more))

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._gateway.start()
                self._guard.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._guard.stop()
                self._gateway.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _require_method(method: str, allowed: tuple[str, ...]) -> None:
    if method in allowed:
        return
    raise refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"{method[:20]} is not possible here",
        found=method[:20],
        allowed=", ".join(allowed),
        remedy=f"send a {allowed[0]} request",
    )


def _kind(answer: CallError, error: Exception) -> str:
    """Return a short word for a refusal: few of them, whatever callers send."""
    if isinstance(answer, AccessError):
        return answer.reason
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "unavailable"
    words = {400: "not_json", 404: "not_found", 405: "method", 408: "slow", 413: "too_large", 415: "media_type"}
    if answer.status in words:
        return words[answer.status]
    return "fields" if isinstance(error, CallError) and answer.status == HTTPStatus.UNPROCESSABLE_ENTITY else "features"
