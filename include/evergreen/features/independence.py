"""A row's features must not depend on which other rows are asked for: the gateway asks for one at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from evergreen.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

PROBED_ROWS = 8
_TOLERANCE = 1e-9  # vectorised logarithms may differ in the last bit between the body and the tail of an array


def check_rows_stand_alone(rows: pa.Table, features: pa.Table, compute: Callable[[pa.Table], pa.Table]) -> None:
    """Ask again for a few rows, in another order and one alone, and compare.

    This finds an average over the batch, a rank, a random number, and rows returned in another order than they were given.

    Args:
        rows: Rows to predict, n_rows of them.
        features: Their features, n_rows of them.
        compute: Computes the features of some rows.

    Raises:
        FeatureError: A feature came out differently.
    """
    count = min(PROBED_ROWS, rows.num_rows)
    probed = np.unique(np.linspace(0, rows.num_rows - 1, count).astype(np.int64))[::-1]
    for positions in (probed, probed[:1]):
        again = compute(rows.take(positions))
        before = features.take(positions)
        for name in features.column_names:
            pairs = zip(before.column(name).to_pylist(), _column(again, name), strict=True)
            for first, second in pairs:
                if not _same(first, second):
                    raise FeatureError(
                        f"feature {name!r} of a row depends on the other rows it is computed with",
                        found=f"{first!r} among {rows.num_rows} rows, {second!r} among {len(positions)}",
                        allowed="features of the row itself and of `entities`, the same every time, in the order of `rows`",
                        remedy="compute averages, counts and ranks in `entity_features` and join them in `row_features`",
                    )


def _column(table: pa.Table, name: str) -> list[object]:
    return table.column(name).to_pylist() if name in table.column_names else ["no such column"] * table.num_rows


def _same(first: object, second: object) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) or first == second
    return first == second
