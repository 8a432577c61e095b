"""Which rows are of somebody who is to be forgotten: told by keyed hashes alone, so that it can be told again at any time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.erasure.values import ways_to_write, written_column
from evergreen.features.keys import key_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.erasure.hashes import ErasureHash
    from evergreen.registry.erasures import Erasure

MOST_ASKED = 500_000
"""Answers kept, some hundred bytes each."""


@dataclass(frozen=True)
class Forgotten:
    """Everybody who is to be forgotten by one model."""

    hasher: ErasureHash
    values: tuple[tuple[tuple[str, ...], frozenset[str]], ...]
    """Columns, and the hashes of their values."""
    row_keys: frozenset[str]
    _asked: dict[object, bool] = field(default_factory=dict, compare=False)
    """Answers about keys and values, most of which stand in several tables."""

    @classmethod
    def of(cls, erasures: Iterable[Erasure], hasher: ErasureHash) -> Forgotten:
        """Take them from the registry's rows."""
        values: dict[tuple[str, ...], frozenset[str]] = {}
        keys: frozenset[str] = frozenset()
        for erasure in erasures:
            values[erasure.columns] = values.get(erasure.columns, frozenset()) | frozenset(erasure.hashes)
            keys |= erasure.row_keys
        return cls(hasher, tuple(values.items()), keys)

    def matches_key(self, text: str | None) -> bool:
        """Return whether a row's key is one of those."""
        if not self.row_keys or text is None:
            return False
        return self._once(text, lambda: self.hasher.of_row_key(text) in self.row_keys)

    def matches_values(self, columns: tuple[str, ...], hashes: frozenset[str], texts: tuple[str, ...]) -> bool:
        """Return whether the values of some columns, written, are those of one of them."""
        return self._once((columns, texts), lambda: self.hasher.of_values(columns, texts) in hashes)

    def _once(self, question: object, ask: Callable[[], bool]) -> bool:
        known = self._asked.get(question)
        if known is None:
            if len(self._asked) >= MOST_ASKED:
                self._asked.clear()
            known = self._asked[question] = ask()
        return known


@dataclass(frozen=True)
class Match:
    """Rows of one place that are of somebody who is to be forgotten.

    Rows match by their own columns, by their key, or by the logged fields of a request.
    """

    who: Forgotten
    key: str = ""
    """The column that holds the rows' key as text, if there is one."""
    key_columns: tuple[str, ...] = ()
    """The columns that make up the key, where there is no such column."""
    inputs: str = ""
    """The column of a request's fields as JSON, if there is one."""

    def columns(self, names: Collection[str]) -> list[str]:
        """Return the columns to look at in rows that have these; none where no such row can match."""
        wanted = [column for columns, _ in self.who.values if set(columns) <= set(names) for column in columns]
        wanted += [self.key] if self.who.row_keys and self.key in names else []
        wanted += self.key_columns if self.who.row_keys and set(self.key_columns) <= set(names) else ()
        wanted += [self.inputs] if self.inputs in names else []
        return list(dict.fromkeys(wanted))

    def __call__(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Return for each row whether it is one of those, shape (n_rows,)."""
        found = np.zeros(rows.num_rows, dtype=bool)
        names = set(rows.column_names)
        for columns, hashes in self.who.values:
            if set(columns) <= names:
                found |= self._by_values(rows, columns, hashes)
        if self.who.row_keys and self.key in names:
            found |= _each(rows.column(self.key).to_pylist(), self.who.matches_key)
        if self.who.row_keys and self.key_columns and set(self.key_columns) <= names:
            found |= _each(key_text(rows, self.key_columns).to_pylist(), self.who.matches_key)
        if self.inputs in names:
            found |= _each(rows.column(self.inputs).to_pylist(), self._by_inputs)
        return found

    def _by_values(self, rows: pa.Table, columns: tuple[str, ...], hashes: frozenset[str]) -> NDArray[np.bool_]:
        written = [written_column(rows.column(name)) for name in columns]
        return _each(list(zip(*written, strict=True)), lambda texts: self.who.matches_values(columns, hashes, texts))

    def _by_inputs(self, text: str | None) -> bool:
        fields = _fields(text)
        return any(
            set(columns) <= set(fields) and not hashes.isdisjoint(self._hashes_of(fields, columns))
            for columns, hashes in self.who.values
        )

    def _hashes_of(self, fields: dict[str, Any], columns: Sequence[str]) -> set[str]:
        ways: list[list[str]] = [[]]
        for name in columns:
            ways = [[*way, text] for way in ways for text in ways_to_write(fields[name])]
        return {self.who.hasher.of_values(columns, way) for way in ways}


def _fields(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _each(values: Sequence[Any], matches: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Ask once for each value there is."""
    known = {value: matches(value) for value in set(values)}
    return np.fromiter((known[value] for value in values), dtype=bool, count=len(values))
