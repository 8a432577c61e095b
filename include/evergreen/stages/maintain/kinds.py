"""For each kind, the files that nothing rests on any more."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from evergreen.files import Files, join_uri
from evergreen.registry.nights import NightStore
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.stages.maintain.needed import read_results
from evergreen.tables.addresses import bundles_uri, night_folder, online_uri, predictions_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.predictions import FEATURES_URI, FEATURES_VERSION
from evergreen.tables.table_files import named_versions, read_history, unneeded_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from evergreen.files import FileInfo
    from evergreen.settings import Settings
    from evergreen.stages.maintain.needed import Needed

_REMADE = ("collect", "materialize", "probe")
"""Stages whose results are made again from tables when they are wanted: they go by age alone."""
_RESTED_ON = ("build_features", "evaluate", "train", "validate")
"""Stages whose results say what a version was made from."""
_KEY = re.compile(r"[0-9a-f]{32}\.json|night-\d{8}T\d{6}Z\.json")
"""Results of one run; others hold what was learned over all days."""


class Scope(NamedTuple):
    """One model's maintenance."""

    settings: Settings
    model: str
    files: Files
    needed: Needed
    before: datetime
    """Nothing that was written since is touched."""

    def is_old(self, info: FileInfo) -> bool:
        """Return whether a file was last written before the span began."""
        return info.modified_ns < int(self.before.timestamp() * 10**9)


def old_results(scope: Scope) -> Iterator[FileInfo]:
    """Yield results of single runs, but those that name what must stay; and the rows judged by evaluations that have none."""
    for stage in (*_REMADE, *_RESTED_ON):
        folder = join_uri(scope.settings.results_uri, scope.model, stage).removeprefix("file://")
        listed = {info.uri: info for info in scope.files.list(folder)}
        gone = set()
        for uri, info in listed.items():
            if not _KEY.fullmatch(uri.removeprefix(folder + "/")) or not scope.is_old(info):
                continue
            if stage in _REMADE or not _names(scope.files.read_bytes(uri), scope.needed.digests):
                gone.add(uri)
                yield info
        for uri, info in listed.items():
            owner = f"{uri.rpartition('/')[0]}.json"
            is_orphan = owner in gone or owner not in listed
            if stage == "evaluate" and uri.endswith("/predictions.parquet") and is_orphan and scope.is_old(info):
                yield info


def rejected_candidates(scope: Scope) -> Iterator[FileInfo]:
    """Yield bundles that were never registered, that no younger decision is about and that no remaining result names."""
    named = b" ".join(
        scope.files.read_bytes(info.uri)
        for info in scope.files.list(join_uri(scope.settings.results_uri, scope.model))
        if info.uri.endswith(".json")
    )
    yield from _whole_folders(
        scope,
        bundles_uri(scope.settings, scope.model),
        lambda digest: digest in scope.needed.digests or digest.encode() in named,
    )


def old_inputs(scope: Scope) -> Iterator[FileInfo]:
    """Yield published inputs, but the newest of each kind of features, and those that a remaining result names."""
    store = OnlineVersionStore(scope.settings.database_url)
    kept = {version.digest for version in store.newest_all() if version.model == scope.model}
    results = read_results(scope.settings, scope.model, "materialize", scope.files)
    kept |= {str(value.get("digest")) for value in results.values() if isinstance(value, dict)}
    if None in results.values():
        return
    yield from _whole_folders(scope, online_uri(scope.settings, scope.model), lambda digest: digest in kept)


def unneeded_table_files(scope: Scope) -> Iterator[FileInfo]:
    """Yield the data files of versions that nothing names and that were not the newest within the span.

    Logs stay: they are small, and tell what every version was.
    """
    root = join_uri(scope.settings.tables_uri, scope.model).removeprefix("file://")
    listing = scope.files.list(root)
    tables = sorted({info.uri.partition("/_delta_log/")[0] for info in listing if "/_delta_log/" in info.uri})
    pins = _pinned_versions(scope)
    if pins is None:
        return
    for uri in tables:
        history = read_history(uri, scope.files)
        if history is not None:
            own = {version for named, version in pins if named.removeprefix("file://").rstrip("/") == uri}
            yield from unneeded_files(history, own, listing, before=scope.before)


def old_nights(scope: Scope) -> Iterator[FileInfo]:
    """Yield the evidence of nights of which nothing came, and what runs cost."""
    settings, model = scope.settings, scope.model
    acted = {night_folder(settings, model, night.as_of) for night in NightStore(settings.database_url).acted(model)}
    kept = tuple(f"{folder.removeprefix('file://')}/" for folder in sorted(acted))
    for folder in ("monitoring", "run_facts"):
        for info in scope.files.list(join_uri(settings.artifacts_uri, model, folder)):
            if scope.is_old(info) and not info.uri.startswith(kept):
                yield info


def old_pages(scope: Scope) -> Iterator[FileInfo]:
    """Yield pages, but those of verdicts that promoted and of nights that acted."""
    kept = {uri.removeprefix("file://") for uri in scope.needed.pages}
    for stage in ("validate", "monitoring", "gate", "rollout"):
        for info in scope.files.list(join_uri(scope.settings.reports_uri, scope.model, stage)):
            if scope.is_old(info) and info.uri not in kept:
                yield info


def _pinned_versions(scope: Scope) -> set[tuple[str, int]] | None:
    """Return every version of a table that a result or an answer names; None where one of them cannot be read."""
    pins: set[tuple[str, int]] = set()
    for info in scope.files.list(join_uri(scope.settings.results_uri, scope.model)):
        if not info.uri.endswith(".json"):
            continue
        try:
            pins.update(named_versions(json.loads(scope.files.read_bytes(info.uri))))
        except ValueError:
            return None
    predictions = DayTable(predictions_uri(scope.settings, scope.model), scope.files)
    version = predictions.version()
    if version is not None:
        # Monitoring reads the features of an answer where the answer says that they were.
        rows = predictions.read(version, columns=[FEATURES_URI, FEATURES_VERSION]).select([FEATURES_URI, FEATURES_VERSION])
        for row in rows.group_by([FEATURES_URI, FEATURES_VERSION]).aggregate([]).to_pylist():
            if row[FEATURES_URI] is not None and row[FEATURES_VERSION] is not None:
                pins.add((row[FEATURES_URI], row[FEATURES_VERSION]))
    return pins


def _whole_folders(scope: Scope, root: str, is_kept: Callable[[str], bool]) -> Iterator[FileInfo]:
    """Yield the files of folders named by digests, all or none of a folder: its manifest first, so that half of one is none."""
    folders: dict[str, list[FileInfo]] = {}
    above = root.removeprefix("file://").rstrip("/") + "/"
    for info in scope.files.list(root):
        folders.setdefault(info.uri.removeprefix(above).partition("/")[0], []).append(info)
    for digest, listed in folders.items():
        if re.fullmatch(r"[0-9a-f]{32}", digest) and all(map(scope.is_old, listed)) and not is_kept(digest):
            yield from sorted(listed, key=lambda info: not info.uri.endswith("/manifest.json"))


def _names(data: bytes, digests: frozenset[str]) -> bool:
    return any(digest.encode() in data for digest in digests)
