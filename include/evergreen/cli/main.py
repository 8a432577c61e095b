"""`evergreen`: the command line. Each command is a thin door to a stage, the status queries or the local stack."""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from evergreen.cli import (
    backup,
    check,
    days,
    decisions,
    demo,
    forget,
    keys,
    local,
    maintain,
    parity,
    reference,
    releases,
    replay,
    runs,
    seed,
    serve,
    status,
)
from evergreen.cli.console import show_error, show_unexpected, standard_error
from evergreen.errors import EvergreenError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells know it."""


class EvergreenGroup(TyperGroup):
    """Says an error in four parts and no traceback, unless --debug asks for one."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command and turn its errors into exit code 1; typer keeps the class of `ctx` to itself."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except KeyboardInterrupt:
            standard_error().print("stopped")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            if isinstance(error, EvergreenError):
                show_error(error)
            else:
                show_unexpected(error)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=EvergreenGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all is well · 1 an error, said in four parts · 2 wrong usage. "
    "Where things are comes from EVERGREEN_* variables; unset, everything lives in .evergreen/.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"evergreen {version('evergreen')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Keep tabular models in production evergreen: validated, retrained, gated, released.

    Start with [bold]evergreen demo[/bold], or with [bold]evergreen check[/bold] after writing a model definition.
    """


# In the order of the help.
for commands in (
    demo,
    check,
    seed,
    runs,
    status,
    decisions,
    replay,
    releases,
    days,
    parity,
    backup,
    local,
    maintain,
    forget,
    serve,
    keys,
    reference,
):
    commands.register(app)


def run() -> None:
    """Entry point of the `evergreen` script. TERM ends a command as Ctrl-C does, so that it cleans up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app(prog_name="evergreen")
