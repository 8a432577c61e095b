"""The definitions of the models that are served: how they want to be answered for, read again when their files change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.definitions import load_definition
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.definitions import ModelDefinition


class DefinitionFiles:
    """Definitions below a folder.

    Args:
        folder: Folder of the model definitions.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stamp(self, model: str) -> str:
        """Return what changes when a definition's file does; cheap enough to be asked every second.

        Raises:
            RequestError: There is no such file.
        """
        try:
            found = (self._folder / model / "model.yaml").stat()
        except OSError:
            raise RequestError(
                "a model with a champion has no definition",
                found=f"no {self._folder / model / 'model.yaml'}",
                allowed="the definition, which says how answers are given and what may be kept of them",
                remedy="put it back, or serve the other models with --model",
            ) from None
        return f"{found.st_mtime_ns}-{found.st_size}"

    def load(self, model: str) -> ModelDefinition:
        """Read a definition.

        Raises:
            DefinitionError: It is wrong.
        """
        return load_definition(self._folder / model)
