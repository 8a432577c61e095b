"""Which files of a table which of its versions need, as its log tells; and which need none of them any more.

Read from the log's own lines and not through Delta Lake, whose vacuum knows one span of time and not which old versions
something still names.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from evergreen.files import join_uri

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from evergreen.files import FileInfo, Files

_COMMIT = re.compile(r".*/_delta_log/(\d{20})\.json")
_LOG_FOLDER = "/_delta_log/"


class TableHistory(NamedTuple):
    """Every commit of a table, in order."""

    uri: str
    committed_at: tuple[datetime, ...]
    """By version."""
    files: dict[str, tuple[tuple[int, int | None], ...]]
    """Per file (its path below the table): from which version on it is part of the table, and from which no more."""

    def versions_since(self, moment: datetime) -> set[int]:
        """Return the versions that were the newest at some time since a moment; the newest one always is."""
        newest = len(self.committed_at) - 1
        return {v for v in range(newest + 1) if v == newest or self.committed_at[v + 1] >= moment}

    def versions_with(self, paths: Collection[str]) -> set[int]:
        """Return the versions that any of some files is part of."""
        spans = [span for path in paths for span in self.files.get(path, ())]
        newest = len(self.committed_at)
        return {v for v in range(newest) if any(first <= v and (last is None or v < last) for first, last in spans)}

    def needed(self, versions: Collection[int]) -> set[str]:
        """Return the files that any of some versions is made of."""
        return {
            path
            for path, spans in self.files.items()
            if any(first <= v and (last is None or v < last) for first, last in spans for v in versions)
        }


def read_history(uri: str, files: Files) -> TableHistory | None:
    """Read a table's whole log; None where it is not all there, or says what this project never writes: nothing is known then.

    Raises:
        StoreUnavailableError: The store did not answer.
    """
    listed = [(match[1], info) for info in files.list(join_uri(uri, "_delta_log")) if (match := _COMMIT.fullmatch(info.uri))]
    if not listed or [int(version) for version, _ in listed] != list(range(len(listed))):
        return None
    moments: list[datetime] = []
    spans: dict[str, list[tuple[int, int | None]]] = {}
    for version, (_, info) in enumerate(listed):
        actions = [json.loads(line) for line in files.read_bytes(info.uri).splitlines() if line.strip()]
        moment = _moment(actions)
        if moment is None or not all(_is_plain(action) for action in actions):
            return None
        moments.append(moment)
        _apply(version, actions, spans)
    return TableHistory(uri, tuple(moments), {path: tuple(each) for path, each in spans.items()})


def unneeded_files(
    history: TableHistory, pinned: Collection[int], listing: Iterable[FileInfo], *, before: datetime
) -> list[FileInfo]:
    """Return the data files that no version needs which was the newest since a moment, or which is pinned.

    Files that no version ever had are among them: a writer that died has left them. A file younger than the moment is never.

    Args:
        history: The table's log, read before the listing was made.
        pinned: Versions that something still names.
        listing: Every file below the table's folder.
        before: The moment.
    """
    needed = history.needed({*history.versions_since(before), *pinned})
    root = history.uri.removeprefix("file://").rstrip("/") + "/"
    oldest_ns = int(before.timestamp() * 10**9)
    return [
        info
        for info in listing
        if info.uri.startswith(root)
        and _LOG_FOLDER not in info.uri
        and info.uri.endswith(".parquet")
        and info.modified_ns < oldest_ns
        and info.uri.removeprefix(root) not in needed
    ]


def named_versions(value: object) -> Iterator[tuple[str, int]]:
    """Yield every version of a table that a result names, as `uri` and `version` or `<what>_uri` and `<what>_version`."""
    if isinstance(value, dict):
        for name, uri in value.items():
            version = value.get(f"{name.removesuffix('uri')}version") if name.endswith("uri") else None
            if isinstance(uri, str) and isinstance(version, int):
                yield uri, version
        for each in value.values():
            yield from named_versions(each)
    elif isinstance(value, list):
        for each in value:
            yield from named_versions(each)


def _moment(actions: list[dict[str, dict[str, object]]]) -> datetime | None:
    for action in actions:
        told = action.get("commitInfo", {}).get("timestamp")
        if isinstance(told, int):
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=told)
    return None


def _is_plain(action: dict[str, dict[str, object]]) -> bool:
    """Return whether an action is of those that this project writes: no deletion vectors, no files outside the folder."""
    if set(action) - {"commitInfo", "protocol", "metaData", "add", "remove", "txn"}:
        return False
    if int(str(action.get("protocol", {}).get("minReaderVersion", 1))) > 1:
        return False
    for word in ("add", "remove"):
        path = str(action.get(word, {}).get("path", ""))
        if "deletionVector" in action.get(word, {}) or path.startswith("/") or "://" in path:
            return False
    return True


def _apply(version: int, actions: list[dict[str, dict[str, object]]], spans: dict[str, list[tuple[int, int | None]]]) -> None:
    for action in actions:
        if "remove" in action:
            known = spans.get(unquote(str(action["remove"]["path"])), [])
            if known and known[-1][1] is None:
                known[-1] = (known[-1][0], version)
    for action in actions:
        if "add" in action:
            spans.setdefault(unquote(str(action["add"]["path"])), []).append((version, None))
