"""How much of the disk the spool may use, and how much it does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.serving.log.segment import CLOSED, DAMAGED, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """What lies in a spool."""

    bytes: int
    waiting_segments: int
    """Closed ones that nobody has shipped."""
    oldest_seconds: float
    """Age of the oldest of them; 0 where there is none."""
    damaged_segments: int
    """Kept for a person to look at."""


def measure(root: Path) -> Usage:
    """Look at every segment of every worker, the dead ones too."""
    total, waiting, oldest, damaged, now = 0, 0, 0.0, 0, time.time()
    for path in _segments(root):
        try:
            found = path.stat()
        except FileNotFoundError:  # shipped meanwhile
            continue
        total += found.st_size
        damaged += path.suffix == DAMAGED
        if path.suffix == CLOSED:
            waiting += 1
            oldest = max(oldest, now - found.st_mtime)
    return Usage(total, waiting, oldest, damaged)


def _segments(root: Path) -> Iterator[Path]:
    for path in root.glob("*/*/*"):
        if path.suffix in (OPEN, CLOSED, DAMAGED):
            yield path


class Room:
    """The disk space of all workers' spools together.

    It is measured once a second, and counted in between by what this worker adds: other workers may exceed it by what they
    write in that second.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._root = root
        self.limit_bytes = limit_bytes
        self.usage = measure(root)
        self._added = 0  # ever; written by the worker alone
        self._included = 0  # of these, how many the last look at the disk saw

    @property
    def used_bytes(self) -> int:
        """Bytes in use, as far as this worker knows."""
        return self.usage.bytes + self._added - self._included

    def takes(self, size_bytes: int) -> bool:
        """Return whether so many bytes may be added."""
        return self.used_bytes + size_bytes <= self.limit_bytes

    def add(self, size_bytes: int) -> None:
        """Count bytes that were added."""
        self._added += size_bytes

    def measure_again(self) -> None:
        """Look at the disk; what comes in during the look may be counted twice until the next one."""
        added = self._added
        self.usage = measure(self._root)
        self._included = added
