"""`evergreen check` and `evergreen schema`: what is wrong with a definition, all at once."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from evergreen.cli.arguments import complete_model, model_names, read_settings, unknown_model
from evergreen.cli.console import standard_error, standard_output
from evergreen.errors import DefinitionError

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.definitions import ModelDefinition
    from evergreen.errors import Problem

PANEL = "Define and feed"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(check)
    app.command(rich_help_panel=PANEL)(schema)


def check(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Default: all.", autocompletion=complete_model)
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out the expectations: Great Expectations takes seconds to load.")
    ] = False,
) -> None:
    """Read model definitions and say every mistake at once: file, line, what is allowed, the nearest valid word.

    Doubts, what loads but is probably not meant, are said as well and do not fail.

    Example: evergreen check flight_delays
    """
    from evergreen.definitions.check import check_definitions

    settings = read_settings()
    names = _asked(models, settings.definitions_dir)
    report = check_definitions(settings.definitions_dir, tuple(names))
    console, errors = standard_output(), standard_error()
    wrong = {} if quick else {name: _expectation_mistakes(definition) for name, definition in report.sound.items()}
    for problem in report.problems:
        _show(errors, problem, "mistake", "bold red")
    for name, mistakes in wrong.items():
        for mistake in mistakes:
            errors.print(Text.assemble(("mistake ", "bold red"), f"{name}: {mistake}"))
    for doubt in report.doubts:
        _show(console, doubt, "doubt", "bold yellow")
    for name, definition in report.sound.items():
        if not wrong.get(name):
            console.print(f"✓ {name}: {definition.title}", markup=False)
    if report.problems or any(wrong.values()):
        raise typer.Exit(1)


def schema(
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")] = None,
) -> None:
    """Print the JSON schema of model.yaml, which lets an editor complete and check it while you type.

    Example: evergreen schema --to include/models/model.schema.json
    """
    from evergreen.definitions.schema import schema_text, write_schema

    if to is None:
        typer.echo(schema_text(), nl=False)
    else:
        standard_output().print(f"{'written' if write_schema(to) else 'unchanged'}: {to}")


def _asked(models: list[str] | None, definitions_dir: Path) -> list[str]:
    names = model_names(definitions_dir)
    for model in models or []:
        if model not in names:
            raise unknown_model(model, definitions_dir)
    if not names:
        raise DefinitionError(
            "there is no model definition",
            found=f"no */model.yaml in {definitions_dir}",
            allowed="at least one",
            remedy="write one: docs/guides/your-first-model.md",
        )
    return models or names


def _expectation_mistakes(definition: ModelDefinition) -> list[str]:
    from evergreen.stages.validate.catalog import check_expectations

    return check_expectations(definition)


def _show(console: Console, problem: Problem, word: str, style: str) -> None:
    text = Text.assemble((f"{word} ", style), (problem.place, "bold"), f" {problem.path}".rstrip())
    text.append(f"\n  {problem.what}\n  found:   {problem.found}\n  allowed: {problem.allowed}")
    if problem.hint:
        text.append(f"\n  do:      {problem.hint}")
    console.print(text)
