"""`evergreen decisions`: what the gate decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.cli.outcome import OUTCOME_STYLES

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.registry.decisions import DecisionRecord

PANEL = "Run and release"
SHOWN = 10
SHORT_ID = 12
"""Characters of a decision's id that are shown; `replay` takes them, or more."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=PANEL)(decisions)


def decisions(
    model: ModelArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = SHOWN,
) -> None:
    """List a model's verdicts with their reasons, the newest first.

    Example: evergreen decisions flight_delays -n 3
    """
    from evergreen.registry.decisions import DecisionStore

    settings = read_settings()
    find_definition(model, settings)
    console = standard_output()
    records = DecisionStore(settings.database_url).list(model, limit=limit)
    if not records:
        console.print(f"{model}: no decision yet; run its training first")
    for record in records:
        show_decision(console, record)


def show_decision(console: Console, record: DecisionRecord) -> None:
    """Print a verdict of the gate with its reasons."""
    against = f"champion version {record.champion_version}" if record.champion_version else "no champion yet"
    console.print(
        f"{record.id[:SHORT_ID]}  as of {record.as_of:%Y-%m-%d %H:%M} UTC  "
        f"[{OUTCOME_STYLES[record.outcome]}]{record.outcome}[/]  {record.challenger_name} against {against}"
    )
    for reason in record.reasons:
        console.print(f"  · {escape(reason)}")
