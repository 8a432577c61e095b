"""A few rows of the night, asked for as a request and built as a batch: inputs that answer otherwise are not published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from evergreen.errors import FeatureError
from evergreen.features.feature_values import values_of_table
from evergreen.features.frames import to_pandas
from evergreen.features.history import identifier_columns, own_columns
from evergreen.features.online_windows import LOOK_BACK
from evergreen.features.point_in_time import NEVER, microseconds, to_microseconds
from evergreen.features.returned import to_columns
from evergreen.features.rows import rows_to_predict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

    from evergreen.definitions import ModelDefinition
    from evergreen.features.code import FeatureCode
    from evergreen.features.online import OnlineFeatures

COMPARED_ROWS = 16


def compare_with_batch(
    definition: ModelDefinition,
    code: FeatureCode,
    tables: Mapping[str, pa.Table],
    entities: Mapping[str, pd.DataFrame],
    online: OnlineFeatures,
    kinds: Mapping[str, str],
) -> int:
    """Return how many rows came out alike to the last bit.

    Args:
        definition: Today's, with the release's layout put back.
        code: The release's feature code.
        tables: The raw rows that the inputs were made from.
        entities: The entity features before they were kept.
        online: The release's features, from inputs that were kept and read back.
        kinds: The release's features: `double` or `string`.

    Raises:
        FeatureError: A feature came out otherwise.
    """
    batch = _rows_of_the_night(definition, tables, online.as_of)
    if not batch.num_rows:
        return 0
    asked = batch.select(own_columns(tables[definition.data.rows]).column_names)
    rows = online.rows({name: asked.column(name).to_pylist() for name in asked.column_names})
    wanted = _batch_features(definition, code, batch, entities, kinds)
    found = online.compute(rows)
    _require_same("_key", batch.column("_key").to_pylist(), rows.keys, rows.keys)
    for name in kinds:
        _require_same(name, wanted[name], found[name], rows.keys)
    return rows.n_rows


def _rows_of_the_night(definition: ModelDefinition, tables: Mapping[str, pa.Table], night: datetime) -> pa.Table:
    source = tables[definition.data.rows]
    moments = microseconds(source.column("_event_time"), missing=NEVER) - to_microseconds(definition.data.predict_before)
    available = microseconds(source.column("_available_at"), missing=NEVER)
    asked = (available <= moments) & (moments >= to_microseconds(night - LOOK_BACK))
    few = np.flatnonzero(asked & np.asarray(pc.is_valid(source.column("_event_time"))))
    few = few[np.unique(np.linspace(0, len(few) - 1, min(COMPARED_ROWS, len(few))).astype(np.int64))] if len(few) else few
    chosen = source.take(few)
    days = set(chosen.column("_day").to_pylist())
    return rows_to_predict(definition, {**tables, definition.data.rows: chosen}, days)


def _batch_features(
    definition: ModelDefinition,
    code: FeatureCode,
    rows: pa.Table,
    entities: Mapping[str, pd.DataFrame],
    kinds: Mapping[str, str],
) -> Mapping[str, list[float | str | None]]:
    visible = to_pandas(rows.drop_columns(["_day", "_key"]), identifiers=identifier_columns(definition))
    returned = code.row_features(visible, {name: frame.copy() for name, frame in entities.items()})
    return values_of_table(to_columns(returned, categorical=definition.features.categorical), kinds)


def _require_same(name: str, batch: Sequence[object], request: Sequence[object], keys: Sequence[str]) -> None:
    for key, first, second in zip(keys, batch, request, strict=True):
        if first != second and not (first != first and second != second):  # NaN stands for missing on both sides
            raise FeatureError(
                f"feature {name!r} of a request would not be that of the night",
                found=f"row {key}: {second!r} as a request, {first!r} in a batch",
                allowed="the same value to the last bit",
                remedy="nothing was published; look at what `row_features` does with the types of its columns",
            )
