"""Workers' spools as the shipping finds them: whose owner lives, and what the dead have left."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evergreen.files import sync_to_disk
from evergreen.serving.log.frames import read_frames
from evergreen.serving.log.segment import CLOSED, OPEN
from evergreen.serving.log.spool import LOCK_NAME, NEW_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

_NUMBER = re.compile(r"\d{8}")
_ABANDONED_SECONDS = 3600


@contextmanager
def taken_lock(path: Path) -> Iterator[bool]:
    """Try to take a lock, without waiting; yield whether it was free. Given back at the end, or when the process dies."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # the folder is gone
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def worker_folders(root: Path) -> list[Path]:
    """Return the spools of all workers; what was left of one that died while it made its own is removed."""
    if not root.is_dir():
        return []
    for path in root.glob(f"{NEW_PREFIX}*"):
        if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def model_folders(worker: Path) -> list[Path]:
    """Return the logs of one worker, one folder per model."""
    return sorted(path for path in worker.iterdir() if path.is_dir())


def close_for_the_dead(model: Path) -> int:
    """Close what a dead worker was writing to. A torn end was never acknowledged and is cut off.

    Args:
        model: Folder of a model in the spool of a worker whose lock the caller holds.

    Returns:
        Bytes that were cut off.
    """
    cut = 0
    for path in sorted(model.glob(f"*{OPEN}")):
        content = read_frames(path.read_bytes())
        with path.open("rb+") as stream:
            stream.truncate(content.good_bytes)
            os.fsync(stream.fileno())
        cut += content.size_bytes - content.good_bytes
        path.rename(path.with_suffix(CLOSED))
    sync_to_disk(model)
    return cut


def complete_segments(model: Path) -> list[tuple[int, Path]]:
    """Return the closed segments with their numbers, in order, up to the first that is not closed."""
    numbered = sorted((int(path.stem), path) for path in model.iterdir() if _NUMBER.fullmatch(path.stem))
    first_open = next((number for number, path in numbered if path.suffix == OPEN), None)
    return [
        (number, path) for number, path in numbered if path.suffix == CLOSED and (first_open is None or number < first_open)
    ]


def remove_if_empty(worker: Path) -> None:
    """Remove a dead worker's folder once nothing is left to ship; damaged segments stay, for a person to look at."""
    for model in model_folders(worker):
        if any(model.iterdir()):
            return
        model.rmdir()
    (worker / LOCK_NAME).unlink(missing_ok=True)
    worker.rmdir()
