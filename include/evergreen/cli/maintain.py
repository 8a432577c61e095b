"""`evergreen maintain`: remove what nothing rests on any more, or only say what that would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.definitions.retention import Kind
    from evergreen.stages.maintain import Removal, Removed

_MIB = 2**20


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Keep and clear")(maintain)


def maintain(
    model: ModelArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name every file that would be removed, and remove none.")] = False,
    only: Annotated[str, typer.Option("--only", metavar="KIND", help="One kind alone. Default: all of them, in order.")] = "",
) -> None:
    """Remove what is older than `retention` says and what no version, decision or result rests on any more.

    Kinds: results, candidates, inputs, tables, nights, pages. What is removed is written down first. The landing zone is never
    touched. `evergreen.maintenance` does the same every week.

    Example: evergreen maintain flight_delays --dry-run
    """
    from evergreen.stages.maintain import maintain as stage

    settings, console = read_settings(), standard_output()
    definition = find_definition(model, settings)
    for kind in _kinds(only):
        _show(console, *stage(definition, settings, kind, dry_run=dry_run))


def _kinds(only: str) -> tuple[Kind, ...]:
    from evergreen.definitions.retention import KINDS

    chosen = tuple(kind for kind in KINDS if only in ("", kind))
    if not chosen:
        raise RequestError(
            "there is no such kind of maintenance",
            found=only,
            allowed=", ".join(KINDS),
            remedy="correct --only, or leave it out",
        )
    return chosen


def _show(console: Console, done: Removed, removal: Removal) -> None:
    if done.dry_run:
        for each in removal.files:
            console.print(f"  {escape(each.uri)}  {each.size_bytes} bytes")
    verb = "would remove" if done.dry_run else "removed"
    written = f"; written down in {escape(done.record_uri)}" if done.record_uri else ""
    console.print(f"{done.kind}: {verb} {done.files} files with {done.size_bytes / _MIB:.1f} MiB{written}")
