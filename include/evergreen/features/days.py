"""The features of whole days, each row from what was known at its own moment. Pure: tables in, tables out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.errors import FeatureError
from evergreen.features.frames import to_pandas
from evergreen.features.history import History, identifier_columns
from evergreen.features.independence import check_rows_stand_alone
from evergreen.features.point_in_time import NEVER, microseconds, to_microseconds
from evergreen.features.returned import check_frame, merge_kinds, to_columns
from evergreen.features.rows import rows_to_predict
from evergreen.features.windows import ONE_DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.schedule import Schedule
    from evergreen.features.code import FeatureCode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltDays:
    """Features by day, and what kind each one is."""

    days: dict[date, pa.Table]
    """Per day: `_key`, `_event_time`, `_prediction_time`, the features, `_slice_<column>`; sorted by event time and key."""
    kinds: dict[str, str]
    """Per feature, in the order returned: `double` or `string`."""


def build_days(
    definition: ModelDefinition,
    code: FeatureCode,
    tables: Mapping[str, pa.Table],
    days: Collection[date],
    *,
    known_kinds: Mapping[str, str] | None = None,
) -> BuiltDays:
    """Compute the features of some days.

    A day comes out the same alone and among others: `entity_features` is called once per nightly moment with what a run at
    that moment would have read, `row_features` once per day and moment with the rows that this moment serves.

    Args:
        definition: The model.
        code: Its feature code.
        tables: Rows per table as `tables.rows` reads them, at least those of `windows.raw_windows` of every day.
        days: Days to compute; a day without rows is left out of the answer.
        known_kinds: Kinds of features built before, to which these must fit.

    Raises:
        FeatureError: The user's code broke its contract.
    """
    rows = rows_to_predict(definition, tables, days)
    history = History(definition, tables if code.has_entities else {})
    serving = _Serving(definition, code, history)
    nights = nightly_moments(definition.schedule, rows)
    served_by = np.searchsorted(
        [to_microseconds(night) for night in nights],
        microseconds(rows.column("_prediction_time"), missing=NEVER),
        side="right",
    )
    encoded_days = pc.dictionary_encode(rows.column("_day").combine_chunks())
    parts: dict[date, list[pa.Table]] = {}
    for code_of_day, day in sorted(enumerate(encoded_days.dictionary.to_pylist()), key=lambda pair: pair[1]):
        of_day = encoded_days.indices.to_numpy() == code_of_day
        for night in np.unique(served_by[of_day]):
            selected = rows.take(np.flatnonzero(of_day & (served_by == night)))
            parts.setdefault(day, []).append(serving.features(selected, nights[night - 1]))
    kinds = _kinds(parts, known_kinds or {})
    return BuiltDays({day: _whole_day(pieces, kinds) for day, pieces in parts.items()}, kinds)


def nightly_moments(schedule: Schedule, rows: pa.Table) -> list[datetime]:
    """Every nightly moment from the last one before the first prediction through the last prediction."""
    if not rows.num_rows:
        return []
    bounds = pc.min_max(rows.column("_prediction_time")).as_py()
    day, last = schedule.day_of(schedule.latest_moment(bounds["min"])), schedule.day_of(bounds["max"])
    moments = []
    while day <= last:
        moments.append(schedule.moment(day))
        day += ONE_DAY
    return moments


class _Serving:
    """Runs the user's code moment by moment, and remembers what all moments must agree on."""

    def __init__(self, definition: ModelDefinition, code: FeatureCode, history: History) -> None:
        self._definition = definition
        self._code = code
        self._history = history
        self._identifiers = identifier_columns(definition)
        self._forbidden = {*definition.data.tables[definition.data.rows].key, definition.data.label.column}
        self._entities: tuple[datetime, dict[str, pd.DataFrame]] | None = None
        self._names: list[str] = []

    def features(self, rows: pa.Table, night: datetime) -> pa.Table:
        features = self._run(rows, night)
        if not self._names:
            check_rows_stand_alone(rows, features, lambda some: self._run(some, night))
            self._names = features.column_names
        return _assemble(self._definition, rows, self._same_names(features, night))

    def _run(self, rows: pa.Table, night: datetime) -> pa.Table:
        visible = rows.drop_columns(["_day", "_key"])
        returned = self._code.row_features(to_pandas(visible, identifiers=self._identifiers), self._entities_at(night))
        check_frame(returned, rows.num_rows, forbidden=self._forbidden)
        return to_columns(returned, categorical=self._definition.features.categorical)

    def _entities_at(self, night: datetime) -> dict[str, pd.DataFrame]:
        if self._entities is None or self._entities[0] != night:
            self._entities = (night, self._code.entity_features(self._history.at(night), night))
        return {name: frame.copy() for name, frame in self._entities[1].items()}

    def _same_names(self, features: pa.Table, night: datetime) -> pa.Table:
        if set(features.column_names) != set(self._names):
            differing = sorted(set(features.column_names) ^ set(self._names))
            raise FeatureError(
                "`row_features` does not always return the same features",
                found=f"as of {night.isoformat()} there are more or fewer: {', '.join(differing[:10])}",
                allowed="the same columns for any rows, also for a single one",
                remedy="return the category itself instead of a column per value; encoding is done in training",
            )
        return features.select(self._names)


def _assemble(definition: ModelDefinition, rows: pa.Table, features: pa.Table) -> pa.Table:
    key = rows.column("_key").combine_chunks()
    for name in features.column_names:
        if (
            rows.num_rows > 1
            and pa.types.is_string(features.schema.field(name).type)
            and features.column(name).equals(pa.chunked_array([key]))
        ):
            raise FeatureError(
                f"feature {name!r} is the key",
                found=f"the same text in every one of {rows.num_rows} rows, such as {key[0]}",
                allowed="features that other rows can share",
                remedy="leave it out",
            )
    table = rows.select(["_key", "_event_time", "_prediction_time"])
    for name in features.column_names:
        table = table.append_column(name, features.column(name))
    for column in sorted({piece.by for piece in definition.gate.slices}):
        table = table.append_column(f"_slice_{column}", _slice_text(column, rows, features))
    return table


def _slice_text(column: str, rows: pa.Table, features: pa.Table) -> pa.ChunkedArray:
    source = rows if column in rows.column_names else features
    if column not in source.column_names:
        raise FeatureError(
            f"`gate.slices` names column {column!r}, which is not there",
            found=f"columns {', '.join([*own_names(rows), *features.column_names][:60])}",
            allowed="a column of the rows, a joined column or a feature",
            remedy="correct `by` in gate.slices",
        )
    return source.column(column).cast(pa.string())


def own_names(rows: pa.Table) -> list[str]:
    """Names of columns that are not Evergreen's own."""
    return [name for name in rows.column_names if not name.startswith("_")]


def _kinds(parts: Mapping[date, Sequence[pa.Table]], known: Mapping[str, str]) -> dict[str, str]:
    pieces = [piece for day in parts.values() for piece in day]
    kinds = {}
    for name in own_names(pieces[0]) if pieces else []:
        found = {str(piece.schema.field(name).type) for piece in pieces}
        if name not in known and all(piece.column(name).null_count == piece.num_rows for piece in pieces):
            logger.warning("feature %s has no value in any row", name)
        kind = merge_kinds(name, [*found, known.get(name, "null")])
        kinds[name] = "double" if kind == "null" else kind
    return kinds


def _whole_day(pieces: Sequence[pa.Table], kinds: Mapping[str, str]) -> pa.Table:
    types = {"double": pa.float64(), "string": pa.string()}
    fields = [pa.field(f.name, types[kinds[f.name]] if f.name in kinds else f.type) for f in pieces[0].schema]
    whole = pa.concat_tables([piece.cast(pa.schema(fields)) for piece in pieces])
    return whole.sort_by([("_event_time", "ascending"), ("_key", "ascending")]).combine_chunks()
