"""The door through which answers come in, whoever gave them: a nightly batch, the gateway, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

import pyarrow as pa

from evergreen.digests import digest_json
from evergreen.tables.addresses import predictions_uri, served_uri
from evergreen.tables.day_table import DAY, DayTable
from evergreen.tables.predictions import ANSWER, SAID_AT, SCORING, TRAINED_THROUGH
from evergreen.tables.served_answers import served_answers
from evergreen.tables.served_table import ServedTable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.settings import Settings


class PredictionSource(Protocol):
    """Answers by local day; days are never taken back, and one whose answers change has another digest."""

    def days(self) -> Mapping[date, str]:
        """Return the days with answers, and a digest of each; reads no rows."""
        ...

    def read(self, days: Collection[date]) -> pa.Table:
        """Return every answer of some days: the columns of `tables.predictions.ANSWER`, `_day`, `as_of` and `_scoring`.

        Where answers were given one by one `_scoring` is null, and `_answered_at` says when.
        """
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


class GatewayPredictions:
    """What the gateway told its callers, at one version of its table; no answers before the first."""

    def __init__(self, uri: str, version: int | None, files: Files) -> None:
        self._table = ServedTable(uri, files)
        self._version = version

    def days(self) -> Mapping[date, str]:
        """Return the days with answers, and a digest of each: answers are only ever added, so their number tells."""
        if self._version is None:
            return {}
        return {day: digest_json([day.isoformat(), rows]) for day, rows in self._table.rows_by_day(self._version).items()}

    def read(self, days: Collection[date]) -> pa.Table:
        """Return every answer of some days, each said at its moment of prediction."""
        return served_answers(self._table, self._version, days)


class UnionOfPredictions:
    """What several sources say. Of the same row, what was said last counts (`tables.predictions.said_last`)."""

    def __init__(self, sources: Sequence[PredictionSource]) -> None:
        self._sources = tuple(sources)

    def days(self) -> Mapping[date, str]:
        """Return the days that any source has answers of, and a digest of what they say together."""
        found = [source.days() for source in self._sources]
        days = sorted({day for each in found for day in each})
        return {day: digest_json([each.get(day, "") for each in found]) for day in days}

    def read(self, days: Collection[date]) -> pa.Table:
        """Return every answer of every source of some days."""
        return pa.concat_tables([source.read(days) for source in self._sources], promote_options="default")


@dataclass(frozen=True)
class Answered:
    """Where the answers are that a night looks at, pinned to what was there when it began; -1 for no version."""

    answers: Literal["batch", "gateway", "both"]
    predictions_uri: str
    predictions_version: int
    served_uri: str
    served_version: int
    slice_columns: tuple[str, ...]

    @classmethod
    def now(cls, definition: ModelDefinition, settings: Settings, files: Files) -> Self:
        """Pin what is there now of what `monitoring.answers` names."""
        answers, served = definition.monitoring.answers, served_uri(settings, definition.name)
        batch = DayTable(predictions_uri(settings, definition.name), files)
        has_gateway = answers != "batch"
        return cls(
            answers=answers,
            predictions_uri=batch.uri,
            predictions_version=_or_none(batch.version()),
            served_uri=served if has_gateway else "",
            served_version=_or_none(ServedTable(served, files).version()) if has_gateway else -1,
            slice_columns=tuple(sorted({piece.by for piece in definition.gate.slices})) if has_gateway else (),
        )

    def source(self, files: Files) -> PredictionSource:
        """Return the answers."""
        batch = BatchPredictions(self.predictions_uri, _known(self.predictions_version), files)
        gateway = GatewayPredictions(self.served_uri, _known(self.served_version), files)
        if self.answers == "both":
            return UnionOfPredictions([batch, gateway])
        return gateway if self.answers == "gateway" else batch


def _or_none(version: int | None) -> int:
    return -1 if version is None else version


def _known(version: int) -> int | None:
    return None if version < 0 else version
