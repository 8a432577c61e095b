"""Who or what is to be forgotten, as somebody typed it: `COLUMN=VALUE`, several for a key of several columns."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.erasure.values import parse, written
from evergreen.errors import RequestError
from evergreen.features.keys import key_text
from evergreen.files import Files
from evergreen.tables.addresses import raw_uri
from evergreen.tables.contract import ARROW_TYPES, contract_of
from evergreen.tables.day_table import DayTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.data import ColumnType
    from evergreen.erasure.hashes import ErasureHash
    from evergreen.settings import Settings

MOST_COLUMNS = 8
Contracts = dict[str, dict[str, "ColumnType"]]
"""Type by column, by source table."""


@dataclass(frozen=True)
class Selection:
    """Columns and what was typed for each, sorted by column."""

    columns: tuple[str, ...]
    texts: tuple[str, ...]


def parse_selection(words: Sequence[str]) -> Selection:
    """Read `COLUMN=VALUE` words; a value may hold anything, `=` too.

    Raises:
        RequestError: A word has no `=`, a column stands twice, or there are none or too many.
    """
    found: dict[str, str] = {}
    for word in words:
        column, equals, value = word.partition("=")
        if not equals or not column or column in found:
            raise RequestError(
                "it is not clear what is to be forgotten",
                found=f"{word[:100]!r}{' after another value for the same column' if column in found else ''}",
                allowed="COLUMN=VALUE, each column once",
                remedy="write, for example, customer_id=4711; quote it for the shell where it holds spaces",
            )
        found[column] = value
    if not 0 < len(found) <= MOST_COLUMNS:
        raise RequestError(
            "it is not clear what is to be forgotten",
            found=f"{len(found)} columns",
            allowed=f"1 to {MOST_COLUMNS} columns with a value each",
            remedy="name the columns that tell one person or thing from all others",
        )
    columns = tuple(sorted(found))
    return Selection(columns, tuple(found[column] for column in columns))


def contracts_of(definition: ModelDefinition, settings: Settings) -> Contracts:
    """Return what each source table declares, or else what its rows have."""
    files, found = Files.from_settings(settings), {}
    for name, table in definition.data.tables.items():
        contract = dict(table.columns)
        if not contract:
            schema = DayTable(raw_uri(settings, definition.name, name), files).schema()
            contract = contract_of(schema) if schema is not None else {}
        found[name] = contract
    return found


def check_selection(selection: Selection, contracts: Contracts) -> None:
    """Refuse columns and values that cannot be meant.

    Raises:
        RequestError: No table has all the columns, or a value is none of its column's type.
    """
    for contract in _fitting(selection, contracts):
        _typed(selection, contract)


def value_hashes(
    selection: Selection, definition: ModelDefinition, contracts: Contracts, hasher: ErasureHash
) -> frozenset[str]:
    """Return the hashes of every way in which the values may be written somewhere.

    Raises:
        RequestError: No table has all the columns, or a value is none of its column's type.
    """
    hashes = set()
    for contract in _fitting(selection, contracts):
        values = _typed(selection, contract)
        ways = [_ways(name, value, definition, hasher) for name, value in zip(selection.columns, values, strict=True)]
        hashes |= {hasher.of_values(selection.columns, way) for way in product(*ways)}
    return frozenset(hashes)


def named_row_keys(selection: Selection, definition: ModelDefinition, contracts: Contracts) -> Iterator[str]:
    """Yield the row keys that the values are by themselves: where they name every key column of the predicted rows."""
    data = definition.data
    for table in dict.fromkeys((data.rows, data.label.table)):
        key, contract = data.tables[table].key, contracts[table]
        if set(key) == set(selection.columns) <= set(contract):
            typed = dict(zip(selection.columns, _typed(selection, contract), strict=True))
            row = pa.table({name: pa.array([typed[name]], ARROW_TYPES[contract[name]]) for name in key})
            yield from key_text(row, key).to_pylist()


def _fitting(selection: Selection, contracts: Contracts) -> list[Mapping[str, ColumnType]]:
    fitting: list[Mapping[str, ColumnType]] = [each for each in contracts.values() if set(selection.columns) <= set(each)]
    if not fitting:
        known = sorted({column for each in contracts.values() for column in each})
        strange = [name for name in selection.columns if name not in known]
        near = difflib.get_close_matches(strange[0], known, n=1, cutoff=0.5) if strange else []
        raise RequestError(
            f"no table has {'a column' if len(selection.columns) == 1 else 'all the columns'} {', '.join(selection.columns)}",
            found="; ".join(f"{name}: {', '.join(each) or 'nothing ingested'}" for name, each in contracts.items())[:1000],
            allowed="columns that one source table has together",
            remedy=f"did you mean {near[0]}?" if near else "name columns of one table; forget others by a command of their own",
        )
    return fitting


def _typed(selection: Selection, contract: Mapping[str, ColumnType]) -> list[str | int | float | bool | datetime]:
    values = []
    for name, text in zip(selection.columns, selection.texts, strict=True):
        try:
            values.append(parse(text, contract[name]))
        except ValueError as error:
            raise RequestError(
                f"column {name!r} cannot have this value",
                found=f"{text[:100]!r}",
                allowed=f"a value of type {contract[name]}",
                remedy="correct the value; the table's `columns` in model.yaml say the type",
            ) from error
    return values


def _ways(name: str, value: object, definition: ModelDefinition, hasher: ErasureHash) -> list[str]:
    """Return how a value is written, and how the gateway's log writes it where it hashes the field."""
    ways = [written(value)]
    if name in definition.serving.personal.hash:
        text = value.isoformat() if hasattr(value, "isoformat") else str(value)
        ways.append(written(hasher.of_personal_field(text)))
    return ways
