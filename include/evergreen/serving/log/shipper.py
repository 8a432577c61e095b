"""The process that ships answers beside the gateway's workers: ``python -m evergreen.serving.log.shipper [--once]``.

It is a process of its own because Delta Lake and Arrow need more memory than the rest of a worker, and time that requests
should not wait for. It ends when it is told to, or when whoever started it is gone, and ships once more before.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time

from evergreen.serving.log.shipping import ship_spool
from evergreen.settings import Settings

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3.0
"""Looking for complete segments is cheap; how many there are, their age decides."""
_LOOK_SECONDS = 1.0
"""How often to look whether whoever started this process is still there."""


def main() -> None:
    """Ship until told to end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--every", type=float, default=EVERY_SECONDS, help="seconds between two shippings")
    parser.add_argument("--once", action="store_true", help="ship what is there and end")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop, parent = threading.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = Settings()
    while True:
        is_last = arguments.once or stop.is_set() or os.getppid() != parent
        ship_and_tell(settings)
        if is_last:
            return
        until = time.monotonic() + arguments.every
        while time.monotonic() < until and os.getppid() == parent and not stop.wait(_LOOK_SECONDS):
            pass


def ship_and_tell(settings: Settings) -> None:
    """Ship once; what goes wrong is logged and tried again the next time."""
    try:
        done = ship_spool(settings)
    except Exception:
        logger.exception("nothing could be shipped")
        return
    if done is not None and (done.rows or done.already_there or done.cut_bytes):
        logger.info(
            "shipped %d answers in %d segments; %d were there already, %d torn bytes cut off",
            done.rows,
            done.segments,
            done.already_there,
            done.cut_bytes,
        )


if __name__ == "__main__":
    main()
