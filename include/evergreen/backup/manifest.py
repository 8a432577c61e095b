"""What a backup holds: one manifest per backup, and the bytes it names, each kept once under its digest.

::

    FOLDER/
    ├── backups/20130401T070000Z.json    a manifest, written last: a backup without one is none
    └── objects/ab/ab12…                 bytes, named by their SHA-256; shared by all backups of the folder
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, Field, ValidationError

from evergreen.digests import digest_bytes, digest_json
from evergreen.errors import RequestError
from evergreen.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.settings import Settings

FORMAT = 1
_NAME = re.compile(r"\d{8}T\d{6}Z")


class CopiedFile(Result):
    """One file as it was copied."""

    sha256: str = Field(pattern=r"[0-9a-f]{64}")
    size_bytes: int = Field(ge=0)
    modified_ns: int
    """When the original was last written, as its store said."""


class CopiedDatabase(Result):
    """One database as it was copied."""

    kind: Literal["sqlite", "postgresql"]
    """A whole SQLite file, or what `pg_dump --format=custom` wrote."""
    sha256: str = Field(pattern=r"[0-9a-f]{64}")
    size_bytes: int = Field(ge=0)


class BackupManifest(Result):
    """Everything one backup holds, and where it belongs."""

    format: int = FORMAT
    made_at: AwareDatetime
    """When the copying began: what is named later may be missing, what was named before is whole."""
    evergreen_version: str
    schema_version: int | None
    """Of the registry's database; None where there was none yet."""
    addresses: dict[str, str]
    """Where each store was: records name these addresses."""
    definitions: dict[str, str]
    """Digest of each model's folder of definitions, by model. They are under version control and not copied."""
    databases: dict[str, CopiedDatabase]
    """`registry` and `mlflow`, where they were there."""
    files: dict[str, dict[str, CopiedFile]]
    """Per store, by path below its root."""

    @property
    def size_bytes(self) -> int:
        """All that would be brought back."""
        return sum(each.size_bytes for store in self.files.values() for each in store.values()) + sum(
            each.size_bytes for each in self.databases.values()
        )

    @property
    def digests(self) -> set[str]:
        """The bytes it needs."""
        files = {each.sha256 for store in self.files.values() for each in store.values()}
        return files | {each.sha256 for each in self.databases.values()}


def addresses_of(settings: Settings) -> dict[str, str]:
    """Return where every store is, without credentials."""
    return {
        "home": str(settings.home),
        "tables": settings.tables_uri,
        "artifacts": settings.artifacts_uri,
        "reports": settings.reports_uri,
        "results": settings.results_uri,
        "landing": settings.landing_uri,
    }


def definition_digests(definitions_dir: Path) -> dict[str, str]:
    """Return the digest over the files of each model's folder; a broken definition has one too."""
    found = {}
    for definition in sorted(definitions_dir.glob("*/model.yaml")):
        contents = {path.name: digest_bytes(path.read_bytes()) for path in definition.parent.glob("*.*") if path.is_file()}
        found[definition.parent.name] = digest_json(contents)
    return found


def manifest_names(folder: Path) -> list[str]:
    """Return the backups of a folder, oldest first."""
    return sorted(path.stem for path in (folder / "backups").glob("*.json") if _NAME.fullmatch(path.stem))


def read_manifest(folder: Path, name: str = "") -> BackupManifest:
    """Read the manifest of a backup, by default of the newest.

    Raises:
        RequestError: There is none of that name, or it cannot be read.
    """
    names = manifest_names(folder)
    wanted = name or (names[-1] if names else "")
    if wanted not in names:
        raise RequestError(
            "there is no such backup",
            found=f"{folder}: {', '.join(names[-5:]) or 'no backup'}",
            allowed="a folder that `evergreen backup` has written, and the moment of one of its backups",
            remedy="correct the folder or --at",
        )
    data = (folder / "backups" / f"{wanted}.json").read_bytes()
    try:
        manifest = BackupManifest.model_validate_json(data)
    except ValidationError as error:
        raise _unreadable(folder, wanted, f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error
    if manifest.format != FORMAT:
        raise _unreadable(folder, wanted, f"format {manifest.format}")
    return manifest


def _unreadable(folder: Path, name: str, found: str) -> RequestError:
    return RequestError(
        "a backup's manifest cannot be read",
        found=f"{name} in {folder}: {found}",
        allowed=f"a manifest of format {FORMAT}",
        remedy="take an older backup with --at, or the version of Evergreen that wrote this one",
    )
