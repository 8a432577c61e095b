"""Take a backup, while nights run and the gateway answers."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evergreen.backup.databases import copy_database, databases_of, exists, schema_version
from evergreen.backup.manifest import (
    BackupManifest,
    CopiedDatabase,
    CopiedFile,
    addresses_of,
    definition_digests,
    manifest_names,
    read_manifest,
)
from evergreen.backup.objects import Objects, open_private
from evergreen.backup.stores import named_files, naming_files, spool_files, stores_of
from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.files import Files, is_s3

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.backup.stores import Found
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)

_SAME_MOMENT_NS = 2 * 10**9
"""A file written so shortly before it was copied may have been written again at the same time, as far as its store can tell."""


class BackupMade(NamedTuple):
    """What a backup came to."""

    name: str
    manifest: BackupManifest
    copied_files: int
    """Read and copied now; the others were in the folder already."""
    copied_bytes: int


def make_backup(settings: Settings, folder: Path, *, landing: bool = True, mlflow_database: str = "") -> BackupMade:
    """Copy everything into a folder that may hold earlier backups; what they have is not copied again.

    Args:
        settings: Where things are.
        folder: Outside of every store; made if it is not there.
        landing: Whether to copy the landing zone too.
        mlflow_database: Where MLflow's database is, if MLflow is asked through a server.

    Raises:
        RequestError: The folder lies within what is to be copied, or MLflow's database is not known.
        StoreUnavailableError: A store or a database did not answer, or files vanished meanwhile; trying again is safe.
    """
    folder = folder.expanduser().resolve()
    _require_outside(folder, settings)
    databases = databases_of(settings, mlflow_database)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made_at = datetime.now(UTC).replace(microsecond=0)
    files, stores = Files.from_settings(settings), stores_of(settings, landing=landing)
    work = _Copying(files, Objects(folder), _newest(folder))
    work.copy(spool_files(stores, files), may_vanish=True)
    copied, version = {}, None
    for database in databases:
        if not exists(database):
            continue
        with tempfile.TemporaryDirectory(dir=folder, prefix=".tmp-") as temporary:
            path = Path(temporary) / database.name
            copy_database(database, path)
            kept = work.objects.keep_file(path)
        copied[database.name] = CopiedDatabase(kind=database.kind, sha256=kept.sha256, size_bytes=kept.size_bytes)
        version = schema_version(database) if database.name == "registry" else version
    work.copy(naming_files(stores, files))
    work.copy(named_files(stores, files))
    manifest = BackupManifest(
        made_at=made_at,
        evergreen_version=installed_version("evergreen"),
        schema_version=version,
        addresses=addresses_of(settings),
        definitions=definition_digests(settings.definitions_dir),
        databases=copied,
        files={name: dict(sorted(work.kept.get(name, {}).items())) for name in stores},
    )
    name = _write(folder, manifest)
    return BackupMade(name, manifest, work.copied_files, work.copied_bytes)


class _Copying:
    """Copies files, unless the backup before has them."""

    def __init__(self, files: Files, objects: Objects, before: BackupManifest | None) -> None:
        self.objects = objects
        self.kept: dict[str, dict[str, CopiedFile]] = {}
        self.copied_files = 0
        self.copied_bytes = 0
        self._files = files
        self._before = before

    def copy(self, wanted: Iterable[Found], *, may_vanish: bool = False) -> None:
        for each in wanted:
            try:
                copied = self._known(each) or self._read(each)
            except FileNotFoundError as error:
                if may_vanish:
                    continue
                raise StoreUnavailableError(
                    "a file vanished while it was to be copied",
                    found=each.info.uri,
                    allowed="no maintenance and no other removal during a backup",
                    remedy="run the backup again; what was copied is not copied twice",
                ) from error
            self.kept.setdefault(each.store.name, {})[each.path] = copied

    def _known(self, each: Found) -> CopiedFile | None:
        """Return what the backup before has of a file that has not been written since."""
        if self._before is None or self._before.addresses.get(each.store.name, "") not in ("", each.store.root):
            return None
        known = self._before.files.get(each.store.name, {}).get(each.path)
        if known is None or (known.size_bytes, known.modified_ns) != (each.info.size_bytes, each.info.modified_ns):
            return None
        is_settled = known.modified_ns < int(self._before.made_at.timestamp() * 10**9) - _SAME_MOMENT_NS
        return known if is_settled and self.objects.has(known.sha256, known.size_bytes) else None

    def _read(self, each: Found) -> CopiedFile:
        if is_s3(each.info.uri):
            kept = self.objects.keep([self._files.read_bytes(each.info.uri)])
        else:
            kept = self.objects.keep_file(Path(each.info.uri))
        self.copied_files += 1
        self.copied_bytes += kept.size_bytes
        return CopiedFile(sha256=kept.sha256, size_bytes=kept.size_bytes, modified_ns=each.info.modified_ns)


def _newest(folder: Path) -> BackupManifest | None:
    return read_manifest(folder) if manifest_names(folder) else None


def _require_outside(folder: Path, settings: Settings) -> None:
    addresses = addresses_of(settings)
    _require_apart({name: root for name, root in addresses.items() if name != "home"})
    for name, root in addresses.items():
        if not is_s3(root) and (folder == Path(root) or Path(root) in folder.parents):
            raise RequestError(
                "a backup would lie within what it copies",
                found=f"{folder}, below {name}: {root}",
                allowed="a folder elsewhere, best on another disk",
                remedy="choose another folder",
            )


def _require_apart(roots: dict[str, str]) -> None:
    for name, root in roots.items():
        for other, around in roots.items():
            if name != other and f"{root.rstrip('/')}/".startswith(f"{around.rstrip('/')}/"):
                raise RequestError(
                    "one store lies within another",
                    found=f"{name}: {root}, within {other}: {around}",
                    allowed="folders of their own for tables, artifacts, reports, results and landing files",
                    remedy="copy these stores by their own means, or give each an address of its own",
                )


def _write(folder: Path, manifest: BackupManifest) -> str:
    """Write the manifest, last and whole, under the moment of the backup; two within a second have two names."""
    target = folder / "backups"
    target.mkdir(mode=0o700, exist_ok=True)
    while True:
        name = f"{manifest.made_at:%Y%m%dT%H%M%SZ}"
        temporary = target / f".tmp-{os.getpid()}"
        with open_private(temporary) as out:
            out.write(manifest.model_dump_json(indent=1).encode())
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(temporary, target / f"{name}.json")
        except FileExistsError:
            time.sleep(0.2)
            manifest = manifest.model_copy(update={"made_at": datetime.now(UTC).replace(microsecond=0)})
        else:
            return name
        finally:
            temporary.unlink()
