"""`evergreen backup` and `evergreen restore`: a copy of everything, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import read_settings
from evergreen.cli.console import standard_output

if TYPE_CHECKING:
    from evergreen.backup.manifest import BackupManifest

PANEL = "Keep and clear"
_MIB = 2**20

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Holds any number of backups; bytes that several share are there once.")
]
MlflowOption = Annotated[
    str, typer.Option("--mlflow-database", metavar="URL", help="MLflow's own database, where MLflow is asked through a server.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(backup)
    app.command(rich_help_panel=PANEL)(restore)


def backup(
    folder: FolderArgument,
    landing: Annotated[bool, typer.Option("--landing/--no-landing", help="Whether to copy the landing zone too.")] = True,
    mlflow_database: MlflowOption = "",
) -> None:
    """Copy everything into FOLDER: databases, tables, bundles, results, reports. Nights and the gateway may go on.

    What the folder has from earlier backups is not copied again. Not copied: model definitions (under version control),
    secrets, and Airflow's own database.

    Example: evergreen backup /mnt/backup/evergreen
    """
    from evergreen.backup.making import make_backup

    made = make_backup(read_settings(), folder, landing=landing, mlflow_database=mlflow_database)
    standard_output().print(
        f"backup {made.name}: {_size(made.manifest)}; {made.copied_files} files with {made.copied_bytes / _MIB:.1f} MiB "
        f"copied now\nrestore it with `evergreen restore {escape(str(folder))} --at {made.name}`"
    )


def restore(
    folder: FolderArgument,
    at: Annotated[
        str, typer.Option(metavar="MOMENT", help="Which backup, such as 20130401T070000Z. Default: the newest.")
    ] = "",
    mlflow_database: MlflowOption = "",
) -> None:
    """Bring a backup back onto an empty machine, with the same addresses as then.

    Every byte is compared first; what is there already is never overwritten.

    Example: evergreen restore /mnt/backup/evergreen
    """
    from evergreen.backup.restoring import restore_backup

    settings = read_settings()
    restored = restore_backup(settings, folder, at, mlflow_database=mlflow_database)
    manifest = restored.manifest
    standard_output().print(f"restored what was kept at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC: {_size(manifest)}")
    for name in restored.other_definitions:
        standard_output().print(
            f"note: include/models/{name} is not as it was then; check the same revision out before a night runs"
        )


def _size(manifest: BackupManifest) -> str:
    count = sum(len(each) for each in manifest.files.values())
    return f"{count} files, {len(manifest.databases)} databases, {manifest.size_bytes / _MIB:.1f} MiB"
