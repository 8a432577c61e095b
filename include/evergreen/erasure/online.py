"""Published online inputs: one that holds such a row is published again without it, and goes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from evergreen.errors import DigestMismatchError, ErasedError
from evergreen.files import join_uri
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.tables.addresses import online_uri
from evergreen.tables.erased import write_note
from evergreen.tables.online_inputs import MANIFEST_NAME, read_online_inputs, write_online_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.erasure.matching import Match
    from evergreen.files import Files
    from evergreen.online_inputs import OnlineInputs
    from evergreen.settings import Settings
    from evergreen.tables.erased import ErasureNote


class Publication(NamedTuple):
    """A publication that holds rows that match."""

    uri: str
    inputs: OnlineInputs
    rows: int


class Publications(NamedTuple):
    """What a search came to."""

    found: tuple[Publication, ...] = ()
    begun: tuple[str, ...] = ()
    """Folders that an earlier attempt has begun to remove."""
    unread: tuple[str, ...] = ()
    """Folders that are not what was published: nobody knows what is in them."""


def find_publications(model: str, settings: Settings, match: Match, files: Files) -> Publications:
    """Search every publication that there is."""
    root = online_uri(settings, model).removeprefix("file://")
    manifests = [info.uri for info in files.list(root) if info.uri.endswith(f"/{MANIFEST_NAME}")]
    found, begun, unread = [], [], []
    for uri in (manifest.removesuffix(f"/{MANIFEST_NAME}") for manifest in manifests):
        try:
            inputs = read_online_inputs(uri, uri.rpartition("/")[2], files)
        except ErasedError:
            begun.append(uri)
            continue
        except DigestMismatchError:
            unread.append(uri)
            continue
        rows = sum(int(match(table).sum()) for table in _tables(inputs) if match.columns(table.column_names))
        if rows:
            found.append(Publication(uri, inputs, rows))
    return Publications(tuple(found), tuple(begun), tuple(unread))


def erase_publication(
    model: str, publication: Publication, settings: Settings, match: Match, note: ErasureNote, files: Files
) -> None:
    """Publish the inputs again without the rows, where they are what gateways read, and remove them."""
    inputs, digest = publication.inputs, publication.uri.rpartition("/")[2]
    store = OnlineVersionStore(settings.database_url)
    newest = store.newest(model, inputs.features_key)
    if newest is not None and newest.digest == digest:
        kept = replace(inputs, entities=_without(inputs.entities, match), joined=_without(inputs.joined, match))
        uri, new = write_online_inputs(model, kept, settings, files)
        store.publish(
            OnlineInputsVersion(
                model=model,
                features_key=inputs.features_key,
                as_of=inputs.as_of,
                uri=uri,
                digest=new,
                published_at=datetime.now(UTC),
            )
        )
    remove_publication(publication.uri, note, files)
    for cached in Path(settings.home).glob(f"gateway/**/{model}/online/{digest}"):
        shutil.rmtree(cached, ignore_errors=True)


def remove_publication(uri: str, note: ErasureNote, files: Files) -> None:
    """Remove a publication, its manifest last: as long as it is there, another attempt finds what is left."""
    names = [info.uri.removeprefix(uri + "/") for info in files.list(uri)]
    write_note(uri, note, [name for name in names if "/" not in name], files)
    for name in sorted((name for name in names if "/" not in name), key=lambda name: name == MANIFEST_NAME):
        files.remove(join_uri(uri, name))


def _tables(inputs: OnlineInputs) -> list[pa.Table]:
    return [*inputs.entities.values(), *inputs.joined.values()]


def _without(tables: Mapping[str, pa.Table], match: Match) -> dict[str, pa.Table]:
    return {
        name: table.filter(pa.array(~match(table))) if match.columns(table.column_names) else table
        for name, table in tables.items()
    }
