"""`evergreen seed`: play a model's upstream systems and fill its landing zone."""

from __future__ import annotations

import importlib.util
from datetime import date, datetime  # noqa: TC003 - typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, cast

import typer

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

    LandingFiles = Callable[[date, date], Iterator[tuple[str, "pa.Table"]]]

PANEL = "Define and feed"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=PANEL)(seed)


def seed(
    model: ModelArgument,
    through: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Last day to write. Default: the history's last day."),
    ] = None,
    landing: Annotated[
        str | None, typer.Option(metavar="URI", help="Folder or s3:// prefix. Default: EVERGREEN_LANDING_URI.")
    ] = None,
) -> None:
    """Write a model's example data into the landing zone, one file per table and day, as its upstream systems would.

    A file that is already there with the same bytes is left alone.

    Example: evergreen seed flight_delays --through 2013-04-01
    """
    settings = read_settings()
    definition = find_definition(model, settings)
    last_day = through.date() if through else None
    written, unchanged = seed_landing(definition, settings, through=last_day, landing_uri=landing)
    where = landing or settings.landing_uri
    standard_output().print(f"{model}: {written} files written, {unchanged} unchanged, in {where}/{model}")


def seed_landing(
    definition: ModelDefinition, settings: Settings, *, through: date | None = None, landing_uri: str | None = None
) -> tuple[int, int]:
    """Write the landing files of `definition`'s seed.py; return how many were written and how many were there already.

    Raises:
        RequestError: The model ships no seed.py, or `through` lies outside its history or is missing where that has no end.
    """
    from rich.progress import Progress

    from evergreen.files import Files, join_uri

    landing_files = _landing_files(definition)
    first, last = _window(definition, through)
    files = Files.from_settings(settings)
    root = join_uri(landing_uri or settings.landing_uri, definition.name)
    written = unchanged = 0
    console = standard_output()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("landing files", total=None)
        for path, table in landing_files(first, last):
            uri, data = join_uri(root, path), _parquet(table)
            if files.exists(uri) and files.read_bytes(uri) == data:
                unchanged += 1
            else:
                files.write_bytes(uri, data)
                written += 1
            progress.update(bar, advance=1, description=path)
    return written, unchanged


def _window(definition: ModelDefinition, through: date | None) -> tuple[date, date]:
    first, last = definition.data.first_day, definition.data.last_day
    day = through or last
    if day is None:
        raise RequestError(
            "nothing says how far the example data should go",
            found="neither --through nor data.last_day",
            allowed=f"a day from {first}",
            remedy="choose one with --through",
        )
    if day < first or (last is not None and day > last):
        raise RequestError(
            "there is no example data for that day",
            found=str(day),
            allowed=f"a day from {first} to {last or 'any'}",
            remedy="choose such a day with --through",
        )
    return first, day


def _landing_files(definition: ModelDefinition) -> LandingFiles:
    path = definition.folder / "seed.py"
    spec = importlib.util.spec_from_file_location(f"evergreen_seed_{definition.name}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise RequestError(
            f"{definition.name} ships no example data",
            found=f"no {path}",
            allowed="a seed.py with landing_files(first, through), beside model.yaml",
            remedy="put your own files into the landing zone, as model.yaml describes them",
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("LandingFiles", module.landing_files)


def _parquet(table: pa.Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
