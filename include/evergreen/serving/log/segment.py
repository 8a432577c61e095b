"""One file of the spool that is being written to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from evergreen.files import sync_to_disk

if TYPE_CHECKING:
    from pathlib import Path

OPEN, CLOSED, DAMAGED = ".open", ".closed", ".damaged"
"""Endings: still written to (or its writer is dead), complete, and complete but for a part that cannot be read."""


class Segment:
    """A file to which whole frames are appended.

    What `append` has returned from is with the operating system: it survives the death of the process, however sudden. It
    survives a power failure once `sync` has returned.

    Args:
        folder: Folder of the model in the worker's spool.
        number: Ordinal in this folder, from 1.
        opened_at: The moment, by the spool's clock.
    """

    def __init__(self, folder: Path, number: int, opened_at: float) -> None:
        self.path = folder / f"{number:08d}{OPEN}"
        self.opened_at = opened_at
        self.size_bytes = 0
        self.releases: set[str] = set()
        """Bundle digests that this file tells of."""
        self.is_broken = False
        """A torn frame could not be cut off; nothing may follow it."""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, data: bytes | bytearray) -> None:
        """Append whole frames, or nothing.

        Raises:
            OSError: The disk did not take them.
        """
        try:
            done = os.write(self._fd, data)  # one call, but for a disk that is nearly full
            while done < len(data):
                done += os.write(self._fd, memoryview(data)[done:])
        except OSError:
            self._cut()
            raise
        self.size_bytes += done

    def sync(self) -> None:
        """Bring everything to the disk; appending may go on meanwhile.

        Raises:
            OSError: The disk did not take it, and what was written since the last time may be lost.
        """
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Complete the file; its new ending tells the shipping that it may be read.

        Raises:
            OSError: The disk did not take it. The file is complete all the same, as far as this machine stays up.
        """
        try:
            self.sync()
        finally:
            os.close(self._fd)
            self.path.rename(self.path.with_suffix(CLOSED))
            sync_to_disk(self.path.parent)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._fd, self.size_bytes)
        except OSError:
            self.is_broken = True
