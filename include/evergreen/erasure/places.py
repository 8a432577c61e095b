"""Where rows of a model are kept, and how a row there tells whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.erasure.matching import Match
from evergreen.features.keys import key_text
from evergreen.files import join_uri
from evergreen.tables.addresses import quarantine_uri, raw_uri, served_uri
from evergreen.tables.day_table import DayTable
from evergreen.tables.predictions import KEY
from evergreen.tables.row_search import data_files, search
from evergreen.tables.served_columns import INPUTS
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.erasure.matching import Forgotten
    from evergreen.files import Files
    from evergreen.settings import Settings

_LOG = "/_delta_log/"


class TablePlace(NamedTuple):
    """One table below the model's tables."""

    name: str
    """Its path below them."""
    table: DayTable | ServedTable
    match: Match


class TableFind(NamedTuple):
    """What was found in a table."""

    files: int
    rows: int
    """In the newest version."""
    old_rows: int
    """In files that only earlier versions have, or none."""


def table_places(definition: ModelDefinition, settings: Settings, who: Forgotten, files: Files) -> list[TablePlace]:
    """Return every table that lies below the model's tables, whether the definition still names it or not."""
    root = join_uri(settings.tables_uri, definition.name).removeprefix("file://")
    uris = sorted({info.uri.partition(_LOG)[0] for info in files.list(root) if _LOG in info.uri})
    served = served_uri(settings, definition.name).removeprefix("file://")
    return [
        TablePlace(
            uri.removeprefix(root + "/"),
            ServedTable(uri, files) if uri == served else DayTable(uri, files),
            _match(uri, definition, settings, who),
        )
        for uri in uris
    ]


def look_into(place: TablePlace, files: Files) -> TableFind:
    """Search every file of a table."""
    found = search(place.table.uri, list(data_files(place.table.uri, files).items()), place.match, files)
    newest = place.table.paths() if found else set()
    rows = sum(count for path, count in found.items() if path in newest)
    return TableFind(len(found), rows, sum(found.values()) - rows)


def row_keys_in(place: TablePlace, files: Files) -> set[str]:
    """Return the keys of the rows that match in a table whose rows say what their key is."""
    key_columns = (place.match.key,) if place.match.key else place.match.key_columns
    keys: set[str] = set()
    for info in data_files(place.table.uri, files).values() if key_columns else ():
        try:
            data = files.read_bytes(info.uri)
        except FileNotFoundError:
            continue
        with pq.ParquetFile(pa.BufferReader(data)) as opened:
            names = opened.schema_arrow.names
            columns = place.match.columns(names)
            if columns and set(key_columns) <= set(names):
                rows = opened.read(columns=list(dict.fromkeys([*columns, *key_columns])))
                keys |= set(key_text(rows.filter(pa.array(place.match(rows))), key_columns).to_pylist())
    return keys


def _match(uri: str, definition: ModelDefinition, settings: Settings, who: Forgotten) -> Match:
    data, model = definition.data, definition.name
    for name, table in data.tables.items():
        if uri in (raw_uri(settings, model, name).removeprefix("file://"), quarantine_uri(settings, model, name)):
            # Other tables may have rows of the same key that are about something else.
            return Match(who, key_columns=table.key if name in (data.rows, data.label.table) else ())
    return Match(who, key=KEY, inputs=INPUTS if uri == served_uri(settings, model).removeprefix("file://") else "")
