"""From model.yaml to a frozen definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from evergreen.definitions.model import ModelDefinition

if TYPE_CHECKING:
    from pathlib import Path


def load_definition(folder: Path) -> ModelDefinition:
    """Read `<folder>/model.yaml`."""
    definition = ModelDefinition.model_validate(yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8")))
    definition._folder = folder
    return definition


def load_definitions(definitions_dir: Path) -> dict[str, ModelDefinition]:
    """Read every model.yaml one level below a folder, by name."""
    folders = sorted(path.parent for path in definitions_dir.glob("*/model.yaml"))
    return {folder.name: load_definition(folder) for folder in folders}
