"""Watching a folder from Airflow's triggerer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from evergreen.connect.events.folder_watch import FolderWatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class LandingFolderTrigger(BaseEventTrigger):
    """Speaks when names came to or went from a folder, at most once per look.

    It also speaks when it begins to watch: what landed while nobody looked must not wait for the next file.

    Args:
        folder: Path of the folder; it need not exist yet.
        every_seconds: Time between two looks.
    """

    def __init__(self, folder: str, every_seconds: float) -> None:
        super().__init__()
        self.folder = folder
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger in the triggerer."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"folder": self.folder, "every_seconds": self.every_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event per change, for ever."""
        watch, last = FolderWatch(self.folder), ""
        while True:
            # A slow disk must not hold up the other triggers of the process.
            now = await asyncio.to_thread(watch.fingerprint)
            if now != last:
                last = now
                yield TriggerEvent({"folder": self.folder})
            await asyncio.sleep(self.every_seconds)
