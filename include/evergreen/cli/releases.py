"""`evergreen status`, `decisions`, `replay` and `rollback`: what serves, why, and how to go back."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output

PANEL = "Run and release"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(rollback)


def rollback(
    model: ModelArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the champion is taken back; kept with the release.")],
    to_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Any earlier champion. Default: the one before this.")
    ] = None,
) -> None:
    """Bring an earlier release back, whole: model, feature code, schema, thresholds.

    Running it again returns to the release that was taken back.

    Example: evergreen rollback flight_delays --reason "complaints about false warnings"
    """
    from evergreen.stages.release import rollback as roll_back

    settings = read_settings()
    release = roll_back(find_definition(model, settings), settings, reason, to_version=to_version)
    standard_output().print(f"{model}: version {release.version} is champion again, in place of {release.previous_version}")
