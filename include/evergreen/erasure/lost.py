"""What can no longer be read or computed again after an erasure: said beforehand, so that nobody takes it for damage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from evergreen.files import join_uri
from evergreen.tables.erased import NOTES, ErasureNote, read_notes
from evergreen.tables.table_files import named_versions, read_history

if TYPE_CHECKING:
    from evergreen.files import Files
    from evergreen.settings import Settings


def lost_by(erasure_id: str, model: str, settings: Settings, files: Files) -> tuple[str, ...]:
    """Return versions of tables, results that name them, judged rows and publications that an erasure has taken."""
    root = join_uri(settings.tables_uri, model).removeprefix("file://")
    versions: dict[str, set[int]] = {}
    for folder, note in _notes(root, erasure_id, files).items():
        history = read_history(folder, files)
        gone = history.versions_with(note.files) if history is not None else set()
        if gone:
            versions[folder] = gone
    lines = [f"tables/{folder.removeprefix(root + '/')}: versions {ranges(gone)}" for folder, gone in versions.items()]
    lines += _results(model, settings, versions, files)
    for store, uri in (("results", settings.results_uri), ("artifacts", settings.artifacts_uri)):
        below = join_uri(uri, model).removeprefix("file://")
        for folder, note in _notes(below, erasure_id, files).items():
            lines.append(f"{store}/{folder.removeprefix(below + '/')}: {', '.join(note.files)[:200]}")
    return tuple(sorted(lines))


def ranges(numbers: set[int]) -> str:
    """Return whole numbers as ranges: `0 to 3, 5`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in found)


def _notes(root: str, erasure_id: str, files: Files) -> dict[str, ErasureNote]:
    ending = f"/{NOTES}/{erasure_id}.json"
    folders = [info.uri.removesuffix(ending) for info in files.list(root) if info.uri.endswith(ending)]
    return {uri: note for uri in folders for note in read_notes(uri, files) if note.erasure_id == erasure_id and note.files}


def _results(model: str, settings: Settings, versions: dict[str, set[int]], files: Files) -> list[str]:
    """Return the results that name a version that is lost, with the digest each says of itself."""
    root = join_uri(settings.results_uri, model).removeprefix("file://")
    lines = []
    for info in files.list(root):
        if not info.uri.endswith(".json") or f"/{NOTES}/" in info.uri:
            continue
        try:
            value = json.loads(files.read_bytes(info.uri))
        except (FileNotFoundError, ValueError):
            continue
        if any(version in versions.get(uri.removeprefix("file://"), ()) for uri, version in named_versions(value)):
            said = {name: value[name] for name in ("snapshot_digest", "digest") if isinstance(value, dict) and name in value}
            shown = "".join(f", {name.replace('_', ' ')} {digest}" for name, digest in said.items())
            lines.append(f"results/{info.uri.removeprefix(root + '/')}{shown}")
    return lines
