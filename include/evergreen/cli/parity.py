"""`evergreen parity`: whether the gateway computed what training would have."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Run and release")(parity)


def parity(
    model: ModelArgument,
    day: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Local day of the rows that were asked about.")
    ],
) -> None:
    """Compute the features of a day's logged answers again, and compare them bit by bit. Exits with 1 when any differs.

    Example: evergreen parity flight_delays --day 2013-04-15
    """
    from evergreen.stages.check_operations import recompute_served

    settings = read_settings()
    found = recompute_served(find_definition(model, settings), settings, date(day.year, day.month, day.day))
    console = standard_output()
    console.print(f"{model}, {day:%Y-%m-%d}: {found.answers:,} answers, {found.values:,} features, {found.different:,} differ")
    for sentence in found.erased:
        console.print(f"  {sentence}", markup=False)
    for one in found.differences:
        console.print(f"  {one.key}, {one.feature}: {one.logged!r} in the log, {one.recomputed!r} now", markup=False)
    if found.different:
        raise typer.Exit(1)
