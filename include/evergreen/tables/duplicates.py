"""Declared de-duplication: which rows it drops, and which keys stay repeated. One rule for validating and for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

Deduplicate = Literal["none", "exact", "keep_last"]


def dropped_rows(
    frame: pd.DataFrame, deduplicate: Deduplicate, *, key: Sequence[str], columns: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which rows the declared de-duplication drops.

    Args:
        frame: Rows in the order they were delivered, n_rows of them.
        deduplicate: `none` drops nothing; `exact` drops a row that equals an earlier one in all of `columns` (a missing
            value equals a missing value); `keep_last` drops a row whose key comes again later.
        key: Columns that name one row.
        columns: The table's own columns.

    Returns:
        Array of shape (n_rows,), true where the row is dropped.
    """
    if deduplicate == "none":
        return np.zeros(len(frame), dtype=np.bool_)
    if deduplicate == "exact":
        return np.asarray(frame.duplicated(subset=list(columns), keep="first"), dtype=np.bool_)
    return np.asarray(frame.duplicated(subset=list(key), keep="last"), dtype=np.bool_)


def repeated_keys(frame: pd.DataFrame, key: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows share their key with another row: array of shape (n_rows,)."""
    return np.asarray(frame.duplicated(subset=list(key), keep=False), dtype=np.bool_)
