"""The stage: find what may go, write it down, remove it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.definitions.words import format_duration
from evergreen.files import Files
from evergreen.stages.maintain import kinds
from evergreen.stages.maintain.needed import find_needed
from evergreen.stages.maintain.removal import Removal, Removed, carry_out, files_to_remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.retention import Kind
    from evergreen.files import FileInfo
    from evergreen.settings import Settings

_FINDERS: dict[Kind, tuple[Callable[[kinds.Scope], Iterator[FileInfo]], str]] = {
    "results": (kinds.old_results, "results of single runs that no registered version and no younger decision rests on"),
    "candidates": (kinds.rejected_candidates, "bundles that were never registered and that nothing names any more"),
    "inputs": (kinds.old_inputs, "published inputs that are not the newest and that nothing names any more"),
    "tables": (kinds.unneeded_table_files, "files of table versions that nothing names and that were long replaced"),
    "nights": (kinds.old_nights, "evidence of nights of which nothing came, and what runs cost"),
    "pages": (kinds.old_pages, "pages but those of verdicts that promoted and of nights that acted"),
}


def maintain(
    definition: ModelDefinition, settings: Settings, kind: Kind, *, dry_run: bool = False, now: datetime | None = None
) -> tuple[Removed, Removal]:
    """Remove one kind of what nothing rests on any more, or only find it.

    Args:
        definition: The model; `retention` says how long things are kept.
        settings: Where things are.
        kind: Which kind.
        dry_run: Find it, write nothing and remove nothing.
        now: From when the spans are counted back; the wall clock's moment unless given.

    Returns:
        What it came to, and every file of it.

    Raises:
        DigestMismatchError: A record in the database was changed: nothing is removed on its word.
        DataError: A file lies where this model has none; nothing is removed.
        StoreUnavailableError: A store did not answer; trying again is safe.
    """
    moment = now or datetime.now(UTC)
    retention = definition.retention
    span = {"nights": retention.nights, "pages": retention.pages}.get(kind, retention.work)
    needed = find_needed(settings, definition.name, since=moment - retention.work)
    scope = kinds.Scope(settings, definition.name, Files.from_settings(settings), needed, moment - span)
    find, what = _FINDERS[kind]
    removal = Removal(
        model=definition.name,
        kind=kind,
        decided_at=moment,
        older_than=scope.before,
        because=f"{what}; older than {format_duration(span)}",
        files=files_to_remove(find(scope)),
    )
    uri = carry_out(removal, settings) if removal.files and not dry_run else ""
    done = Removed(
        model=definition.name,
        kind=kind,
        files=len(removal.files),
        size_bytes=removal.size_bytes,
        dry_run=dry_run,
        record_uri=uri,
    )
    return done, removal
