"""Arguments and options that several commands share."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings


def complete_model(incomplete: str) -> list[str]:
    """Return the models whose names begin with what was typed; for the shell's completion."""
    from evergreen.settings import Settings

    return [name for name in model_names(Settings().definitions_dir) if name.startswith(incomplete)]


def model_names(definitions_dir: Path) -> list[str]:
    """Return the names of the models below a folder; reads no definition."""
    return sorted(path.parent.name for path in definitions_dir.glob("*/model.yaml"))


ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Folder name below include/models.", autocompletion=complete_model)
]


def read_settings() -> Settings:
    """Read the addresses of every store from `EVERGREEN_*`.

    Raises:
        SettingsError: A variable has a value that is not allowed.
    """
    from evergreen.settings import Settings

    return Settings()


def find_definition(name: str, settings: Settings) -> ModelDefinition:
    """Return a model's definition.

    Raises:
        typer.BadParameter: There is no model of that name.
        DefinitionError: Its model.yaml is wrong.
    """
    from evergreen.definitions import load_definition

    if name not in model_names(settings.definitions_dir):
        raise unknown_model(name, settings.definitions_dir)
    return load_definition(settings.definitions_dir / name)


def unknown_model(name: str, definitions_dir: Path) -> typer.BadParameter:
    """Return the usage error for a name that no model has, with the nearest one that some model has."""
    names = model_names(definitions_dir)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(names) or 'no model at all'}."
    return typer.BadParameter(f"there is no model {name!r} in {definitions_dir}. {hint}", param_hint="MODEL")
