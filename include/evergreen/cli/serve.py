"""`evergreen serve`: the gateway, in the foreground."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import Annotated

import typer

from evergreen.cli.arguments import complete_model, model_names, read_settings, unknown_model
from evergreen.cli.console import standard_error
from evergreen.cli.stack.layout import DEFAULT_GATEWAY_PORT, HOST


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="This machine")(serve)


def serve(
    host: Annotated[str, typer.Option(help="Interface to listen on. Anything but loopback is open to the network.")] = HOST,
    port: Annotated[int, typer.Option(envvar="EVERGREEN_GATEWAY_PORT", min=1, max=65535, help="Port.")] = DEFAULT_GATEWAY_PORT,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port; at most one a core.")] = 1,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Serve only this one; may be repeated.", autocompletion=complete_model),
    ] = None,
    package: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Serve the release of this unpacked model package; no registry is asked."),
    ] = None,
    package_digest: Annotated[
        str, typer.Option(envvar="EVERGREEN_PACKAGE_DIGEST", help="Refuse any package but the one of this digest.")
    ] = "",
) -> None:
    """Answer requests with the champion of every model, until Ctrl-C.

    A new release takes over without a restart, between two requests. What has been taken when it is stopped is answered.
    With --package it serves that one release, where neither registry nor store is in reach, and keeps no answers.

    Example: evergreen serve --port 8082 --model flight_delays
    """
    from evergreen.serving.server import serve as serve_models

    settings = read_settings()
    known = model_names(settings.definitions_dir) if model else ()
    for name in model or ():
        if name not in known:
            raise unknown_model(name, settings.definitions_dir)
    standard_error().print(f"gateway  http://{host}:{port}  (docs at /docs, Ctrl-C stops it)", markup=False)
    serve_models(
        settings, host=host, port=port, workers=workers, models=model or (), package=package, package_digest=package_digest
    )
