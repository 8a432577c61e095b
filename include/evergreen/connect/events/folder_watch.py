"""Whether names came to or went from a folder: one `stat` per folder and look, however many files lie there."""

from __future__ import annotations

import os
from pathlib import Path

from evergreen.digests import digest_json

MAX_FOLDERS = 10_000
"""Folders that are watched, the first by name; what lands in others is found by the sweep."""


class FolderWatch:
    """Tells whether files came to or went from anywhere below a folder.

    A folder's own time changes with every name that is made, moved or removed in it. Names are read again only where it did.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[str, tuple[int, list[str]]] = {}

    def fingerprint(self) -> str:
        """Return a digest of all folders and their times; another one means that names came or went."""
        found: dict[str, tuple[int, list[str]]] = {}
        to_visit = [self._root]
        while to_visit and len(found) < MAX_FOLDERS:
            path = to_visit.pop()
            try:
                changed = Path(path).stat().st_mtime_ns
                known = self._known.get(path)
                below = known[1] if known is not None and known[0] == changed else _folders_in(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found[path] = (changed, below)
            to_visit.extend(reversed(below))
        self._known = found
        return digest_json({path: changed for path, (changed, _) in found.items()})


def _folders_in(path: str) -> list[str]:
    with os.scandir(path) as entries:
        return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
