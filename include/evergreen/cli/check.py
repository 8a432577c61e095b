"""`evergreen check` and `evergreen schema`: what is wrong with a definition, all at once."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.arguments import complete_model, find_definition, model_names, read_settings
from evergreen.cli.console import show_error, standard_output
from evergreen.errors import DefinitionError

if TYPE_CHECKING:
    from evergreen.settings import Settings

PANEL = "Define and feed"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(check)
    app.command(rich_help_panel=PANEL)(schema)


def check(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="One model. Default: all.", autocompletion=complete_model)
    ] = None,
) -> None:
    """Read model definitions and say every mistake at once: file, line, what is allowed, the nearest valid word.

    Example: evergreen check flight_delays
    """
    settings = read_settings()
    names = [model] if model else model_names(settings.definitions_dir)
    if not names:
        raise DefinitionError(
            "there is no model definition",
            found=f"no */model.yaml in {settings.definitions_dir}",
            allowed="at least one",
            remedy="write one: docs/guides/your-first-model.md",
        )
    broken = [name for name in names if not _is_fine(name, settings)]
    if broken:
        raise typer.Exit(1)


def schema(
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")] = None,
) -> None:
    """Print the JSON schema of model.yaml, which lets an editor complete and check it while you type.

    Example: evergreen schema --to include/models/model.schema.json
    """
    from evergreen.definitions.schema import definition_schema

    text = json.dumps(definition_schema(), indent=2) + "\n"
    if to is None:
        typer.echo(text, nl=False)
    else:
        to.write_text(text, encoding="utf-8")
        standard_output().print(f"written: {to}")


def _is_fine(name: str, settings: Settings) -> bool:
    try:
        definition = find_definition(name, settings)
    except DefinitionError as error:
        show_error(error)
        return False
    standard_output().print(f"✓ {name}: {definition.title}", markup=False)
    return True
