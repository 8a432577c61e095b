"""Local folders that are built beside their places and moved there when all of them are whole."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import TYPE_CHECKING

from evergreen.files import sync_to_disk

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY_LAST = 9


class Building:
    """What is being built. Whatever holds the registry's database is moved last: nothing is named before it is there."""

    def __init__(self) -> None:
        self._mark = f"restoring-{uuid.uuid4().hex[:8]}"
        self._built: dict[Path, Path] = {}
        self._ranks: dict[Path, int] = {}

    def place(self, final: Path, *, rank: int) -> Path:
        """Return where to build a folder or file; it is moved after all of a lower rank.

        A mounted folder cannot be replaced: it is built within, and its entries are moved.
        """
        self._ranks[final] = max(rank, self._ranks.get(final, rank))
        beside = final / f".{self._mark}" if os.path.ismount(final) else final.parent / f".{final.name}.{self._mark}"
        built = self._built.setdefault(final, beside)
        built.parent.mkdir(parents=True, exist_ok=True)
        return built

    def move_into_place(self) -> None:
        """Move everything; its bytes are on the disk already (`Objects.copy_to`)."""
        for final in sorted(self._built, key=lambda path: self._ranks[path]):
            built = self._built[final]
            if built.parent == final:
                # Databases lie beside the folders they name.
                for entry in sorted(built.iterdir(), key=lambda entry: entry.is_file()):
                    entry.rename(final / entry.name)
                built.rmdir()
                sync_to_disk(final)
                continue
            if final.is_dir():
                final.rmdir()  # empty, or it would have been refused
            built.rename(final)
            sync_to_disk(final.parent)

    def clear(self) -> None:
        """Remove what was not moved."""
        for built in self._built.values():
            if built.is_file():
                built.unlink()
            shutil.rmtree(built, ignore_errors=True)
