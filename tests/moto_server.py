"""AWS as moto plays it, in this process."""

from __future__ import annotations

import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def moto_server() -> Iterator[str]:
    """Serve an empty AWS and give its address.

    What moto holds belongs to the process and outlives a server in it, so another test's is thrown away first.
    """
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        forget_all(url)
        yield url
    finally:
        server.stop()


def forget_all(url: str) -> None:
    """Empty every service of a server."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
