"""`evergreen readmit`: days that monitoring has set aside, and a person's word that one is sound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from datetime import date


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Run and release")(readmit)


def readmit(
    model: ModelArgument,
    day: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="The day to let back in. Default: show the days set aside.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the day is sound; kept with it.")] = "",
) -> None:
    """Let a day that monitoring set aside take part in training again, for good.

    Example: evergreen readmit flight_delays 2013-04-12 --reason "the station was down, the rest of the day is sound"
    """
    from evergreen.registry.nights import NightStore
    from evergreen.registry.timeline import person_at_machine

    settings = read_settings()
    name = find_definition(model, settings).name
    store = NightStore(settings.database_url)
    aside = store.set_aside(name, datetime.now(UTC))
    if day is None:
        for each, decision in aside.items():
            standard_output().print(f"{each}  set aside by decision {decision}")
        if not aside:
            standard_output().print("no day is set aside")
        return
    _require(day.date(), aside, reason)
    store.release_day(name, day.date(), person_at_machine(), reason)
    standard_output().print(f"{name}: {day.date()} takes part in training again, from the next training on")


def _require(day: date, aside: dict[date, str], reason: str) -> None:
    if day not in aside:
        raise RequestError(
            "the day is not set aside",
            found=f"{day}",
            allowed=", ".join(str(each) for each in aside) or "none: no day is set aside",
            remedy="`evergreen readmit MODEL` without a day shows those that are",
        )
    if len(reason.strip()) < 3:
        raise RequestError(
            "a day is let back in without a reason",
            found=repr(reason),
            allowed="a few words, kept with the day for whoever asks later",
            remedy='add --reason "…"',
        )
