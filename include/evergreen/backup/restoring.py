"""Bring a backup back onto an empty machine: checked byte by byte, put into place at the very end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evergreen.backup.building import REGISTRY_LAST, Building
from evergreen.backup.databases import bring_back_postgresql, databases_of, exists
from evergreen.backup.manifest import addresses_of, definition_digests, read_manifest
from evergreen.backup.objects import Objects
from evergreen.backup.stores import stores_of
from evergreen.errors import RequestError
from evergreen.files import Files, is_s3, join_uri
from evergreen.registry.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from evergreen.backup.databases import DatabaseAddress
    from evergreen.backup.manifest import BackupManifest
    from evergreen.backup.stores import Store
    from evergreen.settings import Settings


class Restored(NamedTuple):
    """What a restore brought back."""

    manifest: BackupManifest
    files: int
    size_bytes: int
    other_definitions: tuple[str, ...]
    """Models whose folder of definitions is not as it was then, or is gone."""


def restore_backup(settings: Settings, folder: Path, name: str = "", *, mlflow_database: str = "") -> Restored:
    """Bring a backup back to where it was made.

    Every byte is compared before the first is written. Local stores are built beside their places and moved there last, the
    one with the registry's database at the very end: until then there is nothing that names what came before.

    Args:
        settings: Where things are to be; the same addresses as then, for records name them.
        folder: The backup folder.
        name: Moment of the backup, such as `20130401T070000Z`; the newest by default.
        mlflow_database: Where MLflow's database is, if MLflow is asked through a server.

    Raises:
        RequestError: There is no such backup, the addresses are others, or something is there already.
        DigestMismatchError: The backup is damaged; nothing was written.
        StoreUnavailableError: A store or a database did not answer.
    """
    manifest = read_manifest(folder, name)
    databases = [each for each in databases_of(settings, mlflow_database) if each.name in manifest.databases]
    _require_same_addresses(manifest, settings)
    _require_known_schema(manifest)
    _require_nothing_there(manifest, settings, databases)
    objects = Objects(folder.expanduser().resolve())
    objects.verify(manifest)
    _put_remote_files(manifest, settings, objects)
    building = Building()
    try:
        _build(manifest, settings, databases, objects, building)
        building.move_into_place()
    finally:
        building.clear()
    for database in reversed(databases):  # the registry's last
        if database.kind == "postgresql":
            bring_back_postgresql(database, objects.path(manifest.databases[database.name].sha256))
    count = sum(len(each) for each in manifest.files.values())
    today = definition_digests(settings.definitions_dir)
    others = tuple(name for name, digest in manifest.definitions.items() if today.get(name) != digest)
    return Restored(manifest, count, manifest.size_bytes, others)


def _build(
    manifest: BackupManifest, settings: Settings, databases: list[DatabaseAddress], objects: Objects, building: Building
) -> None:
    def place(final: Path, *, holds_registry: bool = False) -> Path:
        """Return where to build what belongs there: as a part of the home, or by itself."""
        rank = REGISTRY_LAST if holds_registry else 1
        if final.is_relative_to(settings.home):
            return building.place(settings.home, rank=rank) / final.relative_to(settings.home)
        return building.place(final, rank=rank)

    for store in stores_of(settings).values():
        copies = manifest.files.get(store.name, {})
        if is_s3(store.root) or not copies or _is_kept(store, settings):
            continue
        built = place(Path(store.root))
        # Requests may hold what only the gateway's own account is to read.
        built.mkdir(mode=0o700 if store.name == "spool" else 0o777, parents=True, exist_ok=True)
        for path, copied in copies.items():
            objects.copy_to(copied.sha256, built / path)
            # The next backup compares these times.
            os.utime(built / path, ns=(copied.modified_ns, copied.modified_ns))
    for database in databases:
        if database.kind == "sqlite":
            built = place(database.path.resolve(), holds_registry=database.name == "registry")
            objects.copy_to(manifest.databases[database.name].sha256, built)


def _put_remote_files(manifest: BackupManifest, settings: Settings, objects: Objects) -> None:
    files = Files.from_settings(settings)
    for store in stores_of(settings).values():
        if not is_s3(store.root) or _is_kept(store, settings):
            continue
        for path, copied in manifest.files.get(store.name, {}).items():
            files.write_bytes(join_uri(store.root, path), objects.read(copied.sha256))


def _is_kept(store: Store, settings: Settings) -> bool:
    """Return whether a store is left as it is: a landing zone elsewhere that is there belongs to those who fill it."""
    below_home = not is_s3(store.root) and Path(store.root).is_relative_to(settings.home)
    return store.name == "landing" and not below_home and bool(Files.from_settings(settings).list(store.root))


def _require_same_addresses(manifest: BackupManifest, settings: Settings) -> None:
    now = addresses_of(settings)
    others = [name for name, then in manifest.addresses.items() if _resolved(then) != _resolved(now[name])]
    if others:
        raise RequestError(
            "the backup belongs elsewhere",
            found="; ".join(f"{name}: {now[name]}" for name in others),
            allowed="; ".join(f"{name}: {manifest.addresses[name]}" for name in others),
            remedy="set EVERGREEN_HOME and the other addresses as they were, for the records name them; to move to another "
            "folder, make the old path a link to it first",
        )


def _resolved(address: str) -> str:
    return address if is_s3(address) else str(Path(address).resolve())


def _require_known_schema(manifest: BackupManifest) -> None:
    if manifest.schema_version is not None and manifest.schema_version > SCHEMA_VERSION:
        raise RequestError(
            "the backup was made by a later version of Evergreen",
            found=f"schema version {manifest.schema_version}, Evergreen {manifest.evergreen_version}",
            allowed=f"schema version {SCHEMA_VERSION} or an earlier one",
            remedy="restore with the version that made it",
        )


def _require_nothing_there(manifest: BackupManifest, settings: Settings, databases: list[DatabaseAddress]) -> None:
    files = Files.from_settings(settings)
    found = [str(path) for path in _entries(settings.home)]
    for store in stores_of(settings).values():
        if store.name in manifest.files and not _is_kept(store, settings):
            found += [info.uri for info in files.list(store.root)[:3]]
    found += [each.text for each in databases if exists(each) or _has_log_of_its_own(each)]
    if found:
        raise RequestError(
            "something is there already",
            found=", ".join(dict.fromkeys(found[:5])),
            allowed="empty folders, buckets and databases: nothing is ever overwritten by a restore",
            remedy="stop Evergreen (evergreen down), move what is there away, and restore again",
        )


def _entries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name != "lost+found"] if folder.is_dir() else []


def _has_log_of_its_own(database: DatabaseAddress) -> bool:
    """Return whether an SQLite file that is gone has left its log, which would be played into the one that comes back."""
    return database.kind == "sqlite" and any(Path(f"{database.path}{end}").exists() for end in ("-wal", "-shm", "-journal"))
