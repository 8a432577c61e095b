"""From Arrow to the pandas frames that user code sees: a column's dtype follows from its type alone, never from its values.

Were it otherwise, a whole number would be an `int64` on a day without gaps and a `float64` on the next, its text would be
`50` in training and `50.0` in serving, and a day would come out differently with its neighbours than alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection


def to_pandas(table: pa.Table, *, identifiers: Collection[str] = ()) -> pd.DataFrame:
    """Return rows as pandas, with a `RangeIndex` and memory of their own.

    Args:
        table: Rows, n_rows of them.
        identifiers: Columns whose integers name things (keys): they stay integers, as `Int64`.

    Returns:
        Frame of n_rows rows. Text is `object` with None for missing; numbers are `float64` with NaN; booleans are
        `boolean`; timestamps are `datetime64[us, UTC]`.
    """
    columns = {name: _column(table.column(name), name in identifiers) for name in table.column_names}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def _column(column: pa.ChunkedArray, is_identifier: bool) -> pd.Series:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    dtypes: dict[pa.DataType, pd.api.extensions.ExtensionDtype] = {pa.bool_(): pd.BooleanDtype()}
    if pa.types.is_integer(kind) and is_identifier:
        column = column.cast(pa.int64())
        dtypes[pa.int64()] = pd.Int64Dtype()
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        column = column.cast(pa.float64(), safe=False)
    series: pd.Series = column.to_pandas(types_mapper=dtypes.get)
    return series
