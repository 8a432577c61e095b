"""What the command line prints: plain where nobody watches, never in colour where NO_COLOR is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from evergreen.errors import EvergreenError


INDENT = " " * 11
"""Before the lines of an error's part after its first; where a part was joined for `str()`, they have it already."""


def standard_output() -> Console:
    """Return a console on standard output. Made anew for each command, so that redirections are seen."""
    return Console(highlight=False, soft_wrap=True)


def standard_error() -> Console:
    """Return a console on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: EvergreenError) -> None:
    """Print an error's four parts on standard error."""
    text = Text.assemble(("error: ", "bold red"), (error.what, "bold"))
    for label, part in (("found", error.found), ("allowed", error.allowed), ("do", error.remedy)):
        text.append(f"\n  {label + ':':<9}", style="dim")
        text.append(f"\n{INDENT}".join(line.removeprefix(INDENT) for line in part.split("\n")))
    standard_error().print(text)


def show_unexpected(error: Exception) -> None:
    """Print an error that nobody foresaw, without its traceback."""
    text = Text.assemble(("unexpected error: ", "bold red"), (f"{type(error).__name__}: {error}", "bold"))
    text.append("\n  do:      run the command again as `evergreen --debug …` to see where it came from")
    standard_error().print(text)
