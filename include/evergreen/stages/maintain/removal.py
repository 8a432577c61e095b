"""What is to be removed, written down before anything is; and the one place that removes."""

from __future__ import annotations

import logging
from datetime import UTC
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, Field

from evergreen.definitions.retention import Kind
from evergreen.errors import DataError
from evergreen.files import Files, join_uri
from evergreen.results import Result, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.files import FileInfo
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


class RemovedFile(Result):
    """One file that is to go."""

    uri: str
    size_bytes: int = Field(ge=0)


class Removal(Result):
    """What one kind of maintenance is about to remove of one model."""

    model: str
    kind: Kind
    decided_at: AwareDatetime
    older_than: AwareDatetime
    """Nothing that was written since is among them."""
    because: str
    """The rule, in words."""
    files: tuple[RemovedFile, ...]

    @property
    def size_bytes(self) -> int:
        """All of them together."""
        return sum(each.size_bytes for each in self.files)


class Removed(Result):
    """What one kind of maintenance came to, small enough to be handed on."""

    model: str
    kind: Kind
    files: int
    size_bytes: int
    dry_run: bool
    record_uri: str = ""
    """Where every removed file is named; empty where none was."""


def files_to_remove(found: Iterable[FileInfo]) -> tuple[RemovedFile, ...]:
    """Return files as a removal names them."""
    return tuple(RemovedFile(uri=info.uri, size_bytes=info.size_bytes) for info in found)


def carry_out(removal: Removal, settings: Settings) -> str:
    """Write down what is removed, then remove it; return where that is written. Killed in between, the next time goes on.

    Raises:
        DataError: A file lies elsewhere than where this model keeps its own; nothing is removed.
        StoreUnavailableError: The store did not answer.
    """
    files = Files.from_settings(settings)
    for each in removal.files:
        _require_own(each.uri, removal.model, settings)
    name = f"{removal.decided_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{removal.kind}.json"
    uri = join_uri(settings.artifacts_uri, removal.model, "maintenance", name)
    files.write_bytes(uri, canonical_bytes(removal))
    for each in removal.files:
        files.remove(each.uri)
    logger.info("%s: removed %d files of kind %s, named in %s", removal.model, len(removal.files), removal.kind, uri)
    return uri


def _require_own(uri: str, model: str, settings: Settings) -> None:
    roots = [settings.tables_uri, settings.artifacts_uri, settings.results_uri, settings.reports_uri]
    own = any(uri.startswith(join_uri(root.removeprefix("file://"), model) + "/") for root in roots)
    landed = uri.startswith(settings.landing_uri.removeprefix("file://").rstrip("/") + "/")
    if landed or not own or "/../" in uri:
        raise DataError(
            "maintenance would remove a file that is not its own",
            found=uri,
            allowed=f"files of {model} below its tables, artifacts, results and reports; never the landing zone",
            remedy="report this: nothing was removed",
        )
