"""A small HTTP client for measuring: raw sockets kept open, requests made beforehand, next to nothing done per answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Load:
    """What came of a load."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)
    """Heads of answers that were not 200, and lost connections."""
    client_share: float = 0.0
    """Of one core, taken by this client."""

    @property
    def per_second(self) -> float:
        """Answered requests."""
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        """A quantile of the latency."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def request_bytes(path: str, body: bytes) -> bytes:
    """Return a POST request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def run_load(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Keep some connections busy for a while, each with one request at a time."""
    import uvloop

    return uvloop.run(_run(port, requests, connections, seconds))


async def _run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    loop, load = asyncio.get_running_loop(), Load()
    began, cpu = time.perf_counter(), time.process_time()
    ends = began + seconds
    callers = [_Caller(load, requests, number * 7919, ends) for number in range(connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)
    await asyncio.gather(*(caller.done for caller in callers))
    load.seconds = time.perf_counter() - began
    load.client_share = (time.process_time() - cpu) / load.seconds
    return load


class _Caller(asyncio.Protocol):
    def __init__(self, load: Load, requests: Sequence[bytes], first: int, ends: float) -> None:
        self._load, self._requests, self._next, self._ends = load, requests, first, ends
        self._buffer, self._wanted, self._sent = b"", -1, 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            place = head.index(b"content-length:") + 15
            line_end = head.find(b"\r\n", place)
            self._wanted = end + 4 + int(head[place : line_end if line_end > 0 else None])
        if len(self._buffer) < self._wanted:
            return
        now = time.perf_counter()
        if self._buffer.startswith(b"HTTP/1.1 200"):
            self._load.latencies.append(now - self._sent)
        else:
            self._load.failures.append(self._buffer[:2000])
        self._buffer, self._wanted = b"", -1
        if now < self._ends:
            self._send()
        else:
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._load.failures.append(b"connection lost")
            self.done.set_result(None)

    def _send(self) -> None:
        self._next += 1
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])  # type: ignore[attr-defined]

    def _finish(self) -> None:
        self.done.set_result(None)
        self._transport.close()
