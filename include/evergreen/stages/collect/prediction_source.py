"""The door through which answers come in, whoever gave them: a nightly batch now, a gateway's log by the same door later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from evergreen.tables.day_table import DAY, DayTable
from evergreen.tables.predictions import ANSWER, SAID_AT, SCORING, TRAINED_THROUGH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from evergreen.files import Files


class PredictionSource(Protocol):
    """Answers by local day; days are never taken back, and one whose answers change has another digest."""

    def days(self) -> Mapping[date, str]:
        """Return the days with answers, and a digest of each; reads no rows."""
        ...

    def read(self, days: Collection[date]) -> pa.Table:
        """Return every answer of some days: the columns of `tables.outcomes.ANSWER`, `_day`, `as_of` and `_scoring`."""
        ...


class BatchPredictions:
    """What `<model>.scoring` wrote, at one version of its table; no answers before the first."""

    def __init__(self, uri: str, version: int | None, files: Files) -> None:
        self._table = DayTable(uri, files)
        self._version = version

    def days(self) -> Mapping[date, str]:
        """Return the days with answers, and a digest of each."""
        if self._version is None:
            return {}
        return {day: found.digest for day, found in self._table.partitions(self._version).items()}

    def read(self, days: Collection[date]) -> pa.Table:
        """Return every answer of some days."""
        if self._version is None:
            kinds = dict(ANSWER) | {DAY: pa.date32(), SAID_AT: dict(ANSWER)[TRAINED_THROUGH], SCORING: pa.int64()}
            return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
        rows = self._table.read(self._version, days=days)
        if TRAINED_THROUGH not in rows.column_names:  # a table whose every row is older than the column
            rows = rows.append_column(TRAINED_THROUGH, pa.nulls(rows.num_rows, dict(ANSWER)[TRAINED_THROUGH]))
        return rows.select([*(name for name, _ in ANSWER), DAY, SAID_AT, SCORING])
