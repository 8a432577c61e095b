"""What is copied, and in which order: whatever names something is copied before the thing it names.

Every writer writes a thing first and its name last: rows before the log of their table, a bundle's files before its manifest,
all of them before the result of the stage, and that before the row in the database. Copied the other way round, from the
database down to the bytes, a copy of a name always finds its thing; what was made meanwhile is in the copy without a name,
where nobody looks, and is made again after a restore. The gateway's spool comes before all: an answer that moves from the
spool into its table meanwhile is copied twice, and its number there tells the shipping to drop it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evergreen.files import FileInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evergreen.files import Files
    from evergreen.settings import Settings

_LOG = re.compile(r"(?P<table>.*)/_delta_log/(?P<version>\d{20})\.(?:json|checkpoint\.parquet)")
_RESULT = re.compile(r"[^/]+/[^/]+/[^/]+\.json")
_LISTING = re.compile(r"[^/]+/_landing/[^/]+\.json")
_MANIFEST = re.compile(r"[^/]+/(bundles|online)/[^/]+/manifest\.json")
_UNFINISHED = re.compile(r"(^|/)\.|\.tmp$|/_delta_log/_last_checkpoint$")
"""Temporary files, and a pointer that is rewritten in place: without it a reader lists the log, which is complete."""

HOME_FILES = ("alerts.jsonl",)
"""What lies in the home itself and is to last, besides databases. Secrets stay where they are, and Airflow keeps its own."""


class Store(NamedTuple):
    """A folder of files."""

    name: str
    root: str


class Found(NamedTuple):
    """A file to copy."""

    store: Store
    path: str
    """Below the store's root."""
    info: FileInfo


def stores_of(settings: Settings, *, landing: bool = True) -> dict[str, Store]:
    """Return the folders of files of an installation, by name.

    Args:
        settings: Where they are.
        landing: Whether the landing zone belongs to it.
    """
    roots = {
        "tables": settings.tables_uri,
        "artifacts": settings.artifacts_uri,
        "reports": settings.reports_uri,
        "results": settings.results_uri,
        "spool": str(settings.home / "gateway" / "spool"),
        "home": str(settings.home),
    }
    if landing:
        roots["landing"] = settings.landing_uri
    return {name: Store(name, root) for name, root in roots.items()}


def spool_files(stores: dict[str, Store], files: Files) -> Iterator[Found]:
    """Yield what the gateway has not shipped yet."""
    yield from _listed(stores["spool"], files)


def naming_files(stores: dict[str, Store], files: Files) -> Iterator[Found]:
    """Yield the files that name others, in order; each listing is made when its turn has come."""
    yield from (found for found in _listed(stores["results"], files) if _RESULT.fullmatch(found.path))
    yield from (found for found in _listed(stores["artifacts"], files) if _MANIFEST.fullmatch(found.path))
    tables = list(_listed(stores["tables"], files))
    yield from (found for found in tables if _LISTING.fullmatch(found.path))
    # What is computed from raw rows is copied before them.
    for is_raw in (False, True):
        logs = [found for found in tables if (found.path.split("/")[1:2] == ["raw"]) is is_raw]
        yield from _without_gaps(logs)


def named_files(stores: dict[str, Store], files: Files) -> Iterator[Found]:
    """Yield all other files, from listings made now."""
    for name, store in stores.items():
        if name == "spool":
            continue
        if name == "home":
            yield from _single_files(store)
            continue
        yield from (found for found in _listed(store, files) if not _names_others(found))


def _single_files(home: Store) -> Iterator[Found]:
    for name in HOME_FILES:
        path = Path(home.root) / name
        if path.is_file():
            yield Found(home, name, FileInfo(str(path), path.stat().st_size, path.stat().st_mtime_ns))


def _names_others(found: Found) -> bool:
    patterns = {"results": (_RESULT,), "artifacts": (_MANIFEST,), "tables": (_LISTING, _LOG)}
    return any(pattern.fullmatch(found.path) for pattern in patterns.get(found.store.name, ()))


def _without_gaps(found: Iterable[Found]) -> Iterator[Found]:
    """Yield the logs of tables up to the first version that a listing has missed: a folder is not listed in one moment."""
    logs: dict[str, dict[int, list[Found]]] = {}
    for each in found:
        match = _LOG.fullmatch(each.path)
        if match:
            logs.setdefault(match["table"], {}).setdefault(int(match["version"]), []).append(each)
    for versions in logs.values():
        expected = min(versions)
        for version in sorted(versions):
            if version != expected:
                break
            yield from versions[version]
            expected += 1


def _listed(store: Store, files: Files) -> Iterator[Found]:
    root = store.root.removeprefix("file://").rstrip("/")
    for info in files.list(root):
        path = info.uri.removeprefix(root + "/")
        if not _UNFINISHED.search(path):
            yield Found(store, path, info)
