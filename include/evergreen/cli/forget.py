"""`evergreen forget`: erase what is kept about one person or thing, or only say what that would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from evergreen.erasure.forgetting import Report
    from evergreen.registry.erasures import ErasedPlace

SHOWN = 20
"""Names in the list of what is lost; all of them stand in the record."""

KEY_NEEDED = (
    "Every worker that ingests and every gateway needs this EVERGREEN_HASH_KEY in its environment from now on, "
    "or it refuses to take rows in and to ship answers. Keep the key; "
    "restart every worker and every gateway that was started without it"
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Keep and clear")(forget)


def forget(
    model: ModelArgument,
    key: Annotated[
        list[str] | None,
        typer.Argument(metavar="COLUMN=VALUE...", help="Whose rows: columns of one source table, with the value of each."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Erase. Without it, only show what would be erased.")] = False,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who wants it; kept. Default: you, at this machine.")] = "",
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; kept, so name nobody: the number of the request is best.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Go over every erasure of the model once more: after a restore, say.")
    ] = False,
) -> None:
    """Erase a person or a thing: its rows in every table and every version, what was computed from them, and what comes later.

    Without --yes nothing is changed. Safe to run again, after a kill too. Erasing needs EVERGREEN_HASH_KEY: what is remembered
    of the erasure, so that no delivery brings the rows back, is a keyed hash. Every worker and every gateway needs the key from
    then on. Models that have learned from the rows, landing files, backups and databases elsewhere are not reached, and the
    report says so. Exits with 1 when nothing matches, or when something is left that a further run will erase.

    Example: evergreen forget flight_delays tailnum=N181UW --reason "request 4711" --yes
    """
    from evergreen.erasure.forgetting import forget as erase
    from evergreen.erasure.forgetting import forget_again
    from evergreen.erasure.selection import parse_selection
    from evergreen.registry.timeline import person_at_machine

    settings, console, actor = read_settings(), standard_output(), by or person_at_machine()
    definition = find_definition(model, settings)
    _require_one_of(key or (), again=again, yes=yes)
    with console.status("looking for rows") as status:
        if again:
            reports = forget_again(definition, settings, actor=actor, progress=status.update)
        else:
            selection = parse_selection(key or ())
            reports = [
                erase(definition, settings, selection, confirmed=yes, actor=actor, reason=reason, progress=status.update)
            ]
    for report in reports:
        _show(console, report)
    if again and not reports:
        console.print(f"{model}: nothing was ever erased")
    if any(report.done and not report.complete for report in reports):
        raise typer.Exit(1)


def _require_one_of(key: Sequence[str], *, again: bool, yes: bool) -> None:
    if bool(key) != again and (yes or not again):
        return
    raise RequestError(
        "it is not clear what is to be forgotten",
        found=f"{len(key)} values{', with --again' if again else ''}{'' if yes else ', without --yes'}",
        allowed="COLUMN=VALUE for one person or thing; or --again --yes for all that was erased before",
        remedy="evergreen forget MODEL customer_id=4711, look at what it shows, then the same with --yes",
    )


def _show(console: Console, report: Report) -> None:
    erasure = report.erasure
    whose = f"{erasure.model}, {' and '.join(erasure.columns)}"
    whose += f": erasure {erasure.id[:12]}" if report.by_standing_key else ""
    if report.earlier is not None:
        console.print(f"{escape(whose)}, begun on {report.earlier.begun_at:%Y-%m-%d} by {escape(report.earlier.actor)}")
    else:
        console.print(escape(whose))
    if report.places:
        _table(console, report.places)
    else:
        console.print("  no row is left")
    for word, names in (("landing file", report.findings.landing.files), ("stays", report.findings.mentions.staying)):
        for name in names:  # each: a person has to see to it, and it is named nowhere else
            console.print(f"  {word}: {escape(name)}")
    _lost(console, report.lost)
    for remark in report.remarks:
        console.print(f"  · {escape(remark)}")
    console.print(_ending(report))


def _table(console: Console, places: Sequence[ErasedPlace]) -> None:
    lines = [("place", "files", "rows", "what becomes of it")]
    lines += [(place.place, f"{place.files:,}", f"{place.rows:,}", place.became) for place in places]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for name, files, rows, became in lines:  # no table of rich's: it would cut names where nobody watches
        text = f"  {name:<{widths[0]}}  {files:>{widths[1]}}  {rows:>{widths[2]}}  {became}"
        console.print(text, markup=False)


def _lost(console: Console, names: Sequence[str]) -> None:
    for name in names[:SHOWN]:
        console.print(f"  lost: {escape(name)}")
    if len(names) > SHOWN:
        console.print(f"  lost: and {len(names) - SHOWN} more")


def _ending(report: Report) -> str:
    from evergreen.erasure.hashes import MAKE_A_KEY

    if not report.done:
        ending = "nothing was changed; the same command with --yes erases it"
        if report.by_standing_key:
            return ending
        return f"{ending}. That needs a key, to be kept for good: the one you have, or {MAKE_A_KEY}"
    if report.complete:
        return f"erased; what matches is left out of every later delivery\n{KEY_NEEDED}"
    young = "1 young file" if report.waiting == 1 else f"{report.waiting:,} young files"
    return (
        f"NOT DONE YET: {young} may be a writer's who has not committed. "
        f"Run the command again in an hour, when no run is going on\n{KEY_NEEDED}"
    )
