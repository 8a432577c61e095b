"""`evergreen releases`, `promote`, `rollback` and `pause-rollout`: who became champion and why, and a person's hand on it."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.status.answers import PastEvent

PANEL = "Run and release"
SHOWN = 20
WIDTH = 120
"""Columns the table of releases needs."""
LONGEST_REASON = 120
"""Characters of a reason that the table shows: a verdict has some 900."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (releases, promote, rollback):
        app.command(rich_help_panel=PANEL)(command)
    app.command("pause-rollout", rich_help_panel=PANEL)(pause_rollout)


def releases(
    model: ModelArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = SHOWN,
) -> None:
    """List a model's releases and the events of its rollouts, the newest first: when, what, by whom and why.

    A long reason is cut; `evergreen decisions` tells a verdict's reasons whole.

    Example: evergreen releases flight_delays -n 5
    """
    from evergreen.status.rollouts import release_history

    settings = read_settings()
    find_definition(model, settings)
    events = release_history(settings, model, last=limit)
    if not events:
        standard_output().print(f"{model}: no release yet; run its training first")
        return
    _show(events)


def promote(
    model: ModelArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the version is released; kept with the release.")],
    version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="A registered version. Default: the challenger on trial.")
    ] = None,
) -> None:
    """Make the challenger on trial the champion now, skipping what is left of its trial; or a registered version.

    The gate is not skipped, nor the smoke test: the version needs a decision `promote` against the present champion.

    Example: evergreen promote flight_delays --reason "the old one is wrong about snow"
    """
    from evergreen.stages.release import promote as stage

    settings = read_settings()
    release = stage(find_definition(model, settings), settings, reason, version=version)
    before = f", in place of version {release.previous_version}" if release.previous_version else ""
    standard_output().print(f"{model}: version {release.version} is champion{before}")


def rollback(
    model: ModelArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it is taken back; kept with the release or the rollout.")],
    to_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Any earlier champion. Default: end the rollout, if a challenger is on trial; else the champion before this.",
        ),
    ] = None,
) -> None:
    """Take back the challenger on trial; without one, bring an earlier release back, whole.

    A challenger that is taken back leaves the champion as it is. An earlier release is its model, feature code, schema and
    thresholds; running it again returns to the release that was taken back.

    Example: evergreen rollback flight_delays --reason "complaints about false warnings"
    """
    from evergreen.results import Release
    from evergreen.stages.release import rollback as stage

    settings, console = read_settings(), standard_output()
    done = stage(find_definition(model, settings), settings, reason, to_version=to_version)
    if isinstance(done, Release):
        console.print(f"{model}: version {done.version} is champion again, in place of version {done.previous_version}")
        return
    console.print(
        f"{model}: version {done.version} is taken back from its trial; version {done.champion_version} stays champion"
    )


def pause_rollout(
    model: ModelArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the rollout.")],
    resume: Annotated[bool, typer.Option("--resume", help="Let a paused rollout go on.")] = False,
) -> None:
    """Keep the challenger on trial at its present step: neither more traffic nor a release, until it is resumed.

    Beyond its limits it is taken back as ever, and so it is when the step's time is up.

    Example: evergreen pause-rollout flight_delays --reason "wait for Monday"
    """
    from evergreen.stages.release import pause_rollout as stage

    settings = read_settings()
    event = stage(find_definition(model, settings), settings, reason, resume=resume)
    where = f"version {event.version} at step {event.step} of {event.steps}"
    until = f"{event.expires_at:%Y-%m-%d %H:%M} UTC"
    said = f"{where} is paused; it is taken back at {until} unless it is resumed" if event.is_paused else f"{where} goes on"
    standard_output().print(f"{model}: {said}")


def _show(events: Sequence[PastEvent]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = standard_output()
    table = Table(box=None, pad_edge=False)
    table.add_column("when (UTC)", no_wrap=True)
    for column, share in (("what", 3), ("by", 2), ("why", 4)):
        table.add_column(column, overflow="fold", ratio=share)
    for event in events:
        style = {"promote": "green", "rollback": "yellow", "rolled_back": "yellow"}.get(event.action, "")
        why = shorten(event.why, LONGEST_REASON, placeholder=" …")
        words = (escape(event.what), escape(event.actor), escape(why))
        table.add_row(f"{event.happened_at:%Y-%m-%d %H:%M}", *words, style=style)
    # Where nobody sits before a terminal, rich takes 80 columns for granted and breaks every line.
    Console(file=console.file, width=max(console.width, WIDTH)).print(table)
