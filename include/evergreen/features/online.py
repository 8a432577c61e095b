"""The features of requests: the values that `days.build_days` gives for the same rows at the same night.

A release is served from its bundle and its online inputs alone. The layout in the bundle says what names a row, how tables are
joined and when a row is predicted; the online inputs say what fields a row has. Today's model.yaml is not asked.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import FeatureError, RequestError
from evergreen.features.feature_values import values_of_table
from evergreen.features.frames import to_pandas
from evergreen.features.history import identifiers_of
from evergreen.features.keys import key_texts
from evergreen.features.online_joins import OnlineJoin
from evergreen.features.online_tables import entity_frames
from evergreen.features.point_in_time import to_microseconds
from evergreen.features.request_rows import ARROW_TYPES, RequestRows, converted
from evergreen.features.returned import check_frame, to_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.definitions.data import Join
    from evergreen.definitions.feature_layout import FeatureLayout
    from evergreen.features.code import FeatureCode
    from evergreen.online_inputs import OnlineInputs

__all__ = ["NOT_SENT", "OnlineFeatures", "RequestRows"]

NOT_SENT = object()
"""Stands for a field that a row does not have; None stands for one that it has, and that is null."""
_OWN_MOMENTS = ("_event_time", "_prediction_time")


class OnlineFeatures:
    """One release's features at one night.

    Args:
        layout: What the bundle says of how its features are built.
        code: The bundle's own feature code.
        inputs: Online inputs published for this layout and code.
        kinds: The bundle's features in the manifest's order, numeric ones `double` and categorical ones `string`.

    Raises:
        FeatureError: The inputs are not those of the layout.
    """

    def __init__(self, layout: FeatureLayout, code: FeatureCode, inputs: OnlineInputs, kinds: Mapping[str, str]) -> None:
        rows = layout.tables[layout.rows]
        if rows.event_time is None:
            raise _unfit(f"table {layout.rows!r} has no event time")
        self._code = code
        self._before = to_microseconds(layout.predict_before)
        self._kinds = dict(kinds)
        self.as_of = inputs.as_of
        """The night of the entity features."""
        self.digest = inputs.digest
        """Digest of the online inputs."""
        self.key_fields: tuple[str, ...] = rows.key
        """Fields that name a row; every row must have them."""
        self.event_time_field: str = rows.event_time
        """The field that says when the row's event is; every row must have it."""
        self.identifiers = identifiers_of(layout.tables.values())
        """Columns whose whole numbers name things: feature code sees them as such, and others as floats."""
        self.categorical = layout.categorical
        """Numeric features that are categories."""
        self._entities = entity_frames(inputs.entities)
        self._joins = {name: OnlineJoin(_join(layout, name), table, self.identifiers) for name, table in inputs.joined.items()}
        self.row_types: Mapping[str, str] = MappingProxyType(dict(inputs.row_types))
        """Fields of a request row and their types."""
        joined = [(name, kind) for join in self._joins.values() for name, kind in join.types.items()]
        self.optional_types: Mapping[str, str] = MappingProxyType(dict(joined))
        """Joined columns that a caller may send in place of what was published, and their types."""
        self._check_names([name for name, _ in joined])
        sent = {**self.row_types, **self.optional_types}
        self._conversions = {name: self._conversion(name, kind) for name, kind in sent.items()}
        self._fields = [(name, self._conversions[name]) for name in self.row_types]
        self._required = [(name, self.row_types[name]) for name in (*self.key_fields, self.event_time_field)]
        moments = dict.fromkeys(_OWN_MOMENTS, "timestamp")
        seen = {name: "number" if kind == "count" else kind for name, kind in self._conversions.items()} | moments
        self.visible_types: Mapping[str, str] = MappingProxyType(seen)
        """What feature code sees of a row, in order. `integer` is left for columns that name things; other whole numbers are
        floats, as in training."""

    def rows(self, columns: Mapping[str, Sequence[object]], *, absent: object = NOT_SENT) -> RequestRows:
        """Check rows and find what is joined onto each.

        Args:
            columns: Values by field, all of the same length n_rows; a field of `row_types` that is not there is null.
            absent: The value by which a row says that it does not have a field at all.

        Raises:
            RequestError: A value is of another type, a row lacks its key or event time, or a field is unknown.
        """
        n_rows = self._count(columns)
        plain: dict[str, list[object]] = {
            name: converted(name, kind, columns[name], absent) if name in columns else [None] * n_rows
            for name, kind in self._fields
        }
        for name, _ in self._required:
            if None in plain[name]:
                raise _missing(name, plain[name].index(None))
        event_times: list[int] = plain[self.event_time_field]  # type: ignore[assignment]
        moments = [time - self._before for time in event_times]
        keys = key_texts([(plain[name], kind) for name, kind in self._required[:-1]])
        visible = dict(plain)
        for join in self._joins.values():
            visible.update(self._joined(join, visible, moments, columns, absent))
        visible["_event_time"], visible["_prediction_time"] = list(event_times), list(moments)
        return RequestRows(keys, event_times, moments, visible)

    def compute(self, rows: RequestRows) -> dict[str, list[float | str | None]]:
        """Compute the features of rows by the release's own `row_features`, on pandas.

        Args:
            rows: What `rows` returned.

        Returns:
            The bundle's features in its order, n_rows values each: floats with NaN for missing, or text and None.

        Raises:
            FeatureError: The code raised or did not return the bundle's features.
        """
        arrays = {name: pa.array(values, ARROW_TYPES[self.visible_types[name]]) for name, values in rows.columns.items()}
        frame = to_pandas(pa.table(arrays), identifiers=self.identifiers)
        entities = {name: entity.copy() for name, entity in self._entities.items()}
        returned = self._code.row_features(frame, entities)
        check_frame(returned, rows.n_rows, forbidden=self.key_fields)
        return values_of_table(to_columns(returned, categorical=self.categorical), self._kinds)

    def _conversion(self, name: str, kind: str) -> str:
        return "count" if kind == "integer" and name not in self.identifiers else kind

    def _check_names(self, joined: Sequence[str]) -> None:
        lacking = [name for name in (*self.key_fields, self.event_time_field) if name not in self.row_types]
        if lacking:
            raise _unfit(f"no request field {', '.join(lacking)}")
        if self.row_types[self.event_time_field] != "timestamp":
            raise _unfit(f"{self.event_time_field} is {self.row_types[self.event_time_field]}, not timestamp")
        names = [*self.row_types, *joined]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise _unfit(f"two columns named {', '.join(twice[:10])}")

    def _count(self, columns: Mapping[str, Sequence[object]]) -> int:
        if not columns.keys() <= self._conversions.keys():
            unknown = [name for name in columns if name not in self._conversions]
            raise RequestError(
                "a request has fields that no row has",
                found=", ".join(repr(name)[:80] for name in unknown[:10]),
                allowed=f"{', '.join(self.row_types)}; optionally {', '.join(self.optional_types) or 'nothing else'}",
                remedy="leave them out or correct their names",
            )
        lengths = set(map(len, columns.values()))
        if len(lengths) != 1:
            raise RequestError(
                "a request's fields are not of equal length",
                found=f"{', '.join(str(length) for length in sorted(lengths)) or 'no field'}",
                allowed="one value per row in every field",
                remedy="send null where a row has no value",
            )
        return lengths.pop()

    def _joined(
        self,
        join: OnlineJoin,
        plain: Mapping[str, Sequence[object]],
        moments: Sequence[int],
        columns: Mapping[str, Sequence[object]],
        absent: object,
    ) -> dict[str, list[object]]:
        by = zip(*(plain[name] for name in join.by), strict=True)
        positions = [join.position(values, moment) for values, moment in zip(by, moments, strict=True)]
        added = join.added(positions)
        if columns.keys().isdisjoint(join.types):
            return added
        sent = {name: converted(name, self._conversions[name], columns[name], absent) for name in join.types if name in columns}
        # Of a row that sends any of them all are taken from the row: half of an observation is none that was ever made.
        own = [any(columns[name][row] is not absent for name in sent) for row in range(len(moments))]
        return {
            name: [(sent[name][row] if name in sent else None) if is_own else values[row] for row, is_own in enumerate(own)]
            for name, values in added.items()
        }


def _join(layout: FeatureLayout, name: str) -> Join:
    join = layout.tables[name].join if name in layout.tables else None
    if join is None:
        raise _unfit(f"rows of table {name!r}, which is not joined")
    return join


def _unfit(found: str) -> FeatureError:
    return FeatureError(
        "the online inputs are not those of the release's features",
        found=found,
        allowed="inputs published for the very layout and code of the release",
        remedy="run the scoring DAG: it publishes them anew",
    )


def _missing(name: str, row: int) -> RequestError:
    return RequestError(
        f"row {row}: field {name!r} is missing",
        found="no value",
        allowed="a value in every row: it names the row, or says when its event is",
        remedy="send it",
    )
