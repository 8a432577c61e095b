"""Landing files belong to whoever delivers them: those that hold such rows are named, and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evergreen.erasure.matching import Match
from evergreen.errors import LandingError
from evergreen.tables.addresses import landing_folder
from evergreen.tables.contract import conform
from evergreen.tables.file_formats import read_file
from evergreen.tables.landing import find_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.data import ColumnType
    from evergreen.erasure.matching import Forgotten
    from evergreen.erasure.selection import Contracts
    from evergreen.files import FileInfo, Files
    from evergreen.settings import Settings
    from evergreen.tables.contract import Source


class LandingFind(NamedTuple):
    """What the landing zone holds."""

    files: dict[str, int]
    """Files with such rows, and how many."""
    unread: tuple[str, ...]
    """Files that cannot be read: nobody knows what is in them."""


def search_landing(
    definition: ModelDefinition, contracts: Contracts, settings: Settings, who: Forgotten, files: Files
) -> LandingFind:
    """Search every landing file of a model."""
    folder = landing_folder(settings, definition.name)
    listing = files.list(folder)
    found: dict[str, int] = {}
    unread = []
    data = definition.data
    for name, table in data.tables.items():
        match = Match(who, key_columns=table.key if name in (data.rows, data.label.table) else ())
        for day in find_days(listing, folder, table.files).values() if table.files else ():
            for info in day.files:
                try:
                    rows = _matching(info, match, contracts[name], files)
                except (LandingError, FileNotFoundError):
                    unread.append(info.uri)
                else:
                    found |= {info.uri: rows} if rows else {}
    return LandingFind(found, tuple(unread))


def _matching(info: FileInfo, match: Match, contract: Mapping[str, ColumnType], files: Files) -> int:
    rows = read_file(files.read_bytes(info.uri), info.uri)
    columns = [name for name in match.columns(rows.column_names) if name in contract]
    wanted = {name: contract[name] for name in columns}
    if not match.columns(wanted):
        return 0
    ending = info.uri.rpartition(".")[2]
    source: Source = "csv" if ending == "csv" else "jsonl" if ending == "jsonl" else "parquet"
    return int(match(conform(rows.select(columns), wanted, source=source, where=info.uri)).sum())
