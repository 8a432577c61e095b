"""`evergreen key`: the keys that open the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import complete_model, model_names, read_settings, unknown_model
from evergreen.cli.console import standard_error, standard_output
from evergreen.errors import SettingsError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from evergreen.serving.access.keys import AccessKey, Right
    from evergreen.settings import Settings

PANEL = "This machine"
DAYS = 365
REQUESTS_PER_MINUTE = 600

key_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(key_app, name="key", rich_help_panel=PANEL)


@key_app.callback()
def key() -> None:
    """Make, list and revoke the keys of the gateway, in the file that EVERGREEN_GATEWAY_KEYS_FILE names."""


@key_app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will have the key.")],
    models: Annotated[
        list[str],
        typer.Option(metavar="MODEL", help="Model it opens, or '*' for all; may be repeated.", autocompletion=complete_model),
    ],
    rate: Annotated[
        int, typer.Option(min=0, max=10_000_000, help="Requests a minute, of all workers together; 0 for no limit.")
    ] = REQUESTS_PER_MINUTE,
    read: Annotated[bool, typer.Option("--read", help="May read pages, descriptions and metrics.")] = False,
    predict: Annotated[bool, typer.Option(help="May ask for answers.")] = True,
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how many days from today.")] = DAYS,
) -> None:
    """Make a key, and print it: it is shown this once and kept nowhere.

    A running gateway knows it within two seconds.

    Example: evergreen key new shop --models flight_delays --rate 600
    """
    from datetime import UTC, datetime, timedelta

    from evergreen.serving.access.key_file import add_key
    from evergreen.serving.access.keys import new_key

    settings = read_settings()
    path = _keys_file(settings)
    _require_models(models, settings)
    may: tuple[Right, ...] = (*(("predict",) if predict else ()), *(("read",) if read else ()))
    if not may:
        raise typer.BadParameter("a key must open something: leave --no-predict out, or add --read", param_hint="--predict")
    secret, entry = new_key(
        name,
        models=models,
        may=may,
        requests_per_minute=rate or None,
        expires=(datetime.now(UTC) + timedelta(days=days)).date(),
    )
    add_key(path, entry)
    standard_error().print(f"key {entry.id} for {escape(name)}, in {escape(str(path))}: {_opens(entry)}")
    standard_error().print("It is shown this once. Send it as  authorization: Bearer <key>")
    typer.echo(secret)


@key_app.command(name="list")
def list_keys() -> None:
    """List the keys: who has which, what it opens and until when. The keys themselves are nowhere to be listed.

    Example: evergreen key list
    """
    from datetime import UTC, datetime

    from evergreen.serving.access.key_file import read_keys

    keys = read_keys(_keys_file(read_settings()))
    console = standard_output()
    if not keys:
        console.print("no key: the gateway lets nobody in")
    for entry in keys:
        console.print(f"{entry.id}  {_state(entry, datetime.now(UTC)):<8} {entry.name}: {_opens(entry)}", markup=False)


@key_app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `evergreen key list` shows it.")]) -> None:
    """Let a key open nothing any more; a running gateway knows it within two seconds.

    Example: evergreen key revoke 3f9a01c2
    """
    from datetime import UTC, datetime

    from evergreen.serving.access.key_file import revoke_key

    entry = revoke_key(_keys_file(read_settings()), key_id, datetime.now(UTC))
    standard_output().print(f"key {entry.id} of {entry.name} opens nothing any more", markup=False)


def _keys_file(settings: Settings) -> Path:
    from pathlib import Path

    if settings.gateway_keys_file:
        return Path(settings.gateway_keys_file)
    raise SettingsError(
        "no file of keys is named",
        found="EVERGREEN_GATEWAY_KEYS_FILE is not set",
        allowed="the path of a local file, the same that the gateway is started with",
        remedy="set it, for example to .evergreen/gateway/keys.json, for this command and for `evergreen serve`",
    )


def _require_models(models: list[str], settings: Settings) -> None:
    if "*" in models and len(models) > 1:
        raise typer.BadParameter("'*' means every model and stands alone", param_hint="--models")
    known = model_names(settings.definitions_dir)
    for model in models:
        if model != "*" and model not in known:
            raise unknown_model(model, settings.definitions_dir)


def _opens(entry: AccessKey) -> str:
    rate = "without a limit" if entry.requests_per_minute is None else f"{entry.requests_per_minute} requests a minute"
    return f"may {' and '.join(entry.may)} {', '.join(entry.models)}, {rate}, through {entry.expires}"


def _state(entry: AccessKey, now: datetime) -> str:
    if entry.revoked_at is not None:
        return "revoked"
    return "expired" if now >= entry.ends_at else "good"
