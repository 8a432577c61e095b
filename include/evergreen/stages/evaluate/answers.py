"""What each model answered to each judged row: the table that every statistic is computed from, and can be again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.measurement import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from evergreen.statistics.rows import Floats, Integers

_SLICE = "slice_"


@dataclass(frozen=True)
class Answers:
    """Judged rows in order of event time and key, with one probability per model.

    Columns: `key`, `day`, `event_time`, `label`, `slice_<column>`, and a probability column named after each role.
    """

    table: pa.Table

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, slices: Sequence[str], probabilities: Mapping[Role, Floats]) -> Answers:
        """Put rows and what was answered to them together.

        Args:
            rows: As `read_labelled` returns them.
            slices: Columns the gate slices by.
            probabilities: One per row and role, shape (n_rows,).
        """
        columns = {
            "key": pa.array(rows["_key"], pa.string()),
            "day": pa.array(rows["_day"], pa.date32()),
            "event_time": pa.array(rows["_event_time"], pa.timestamp("us", "UTC")),
            "label": pa.array(rows["_label"].to_numpy(np.float64), pa.float64()),
        }
        columns |= {f"{_SLICE}{name}": pa.array(rows[f"_slice_{name}"], pa.string()) for name in slices}
        columns |= {role: pa.array(values, pa.float64()) for role, values in probabilities.items()}
        return cls(pa.table(columns))

    @classmethod
    def from_parquet(cls, data: bytes) -> Answers:
        """Read what `to_parquet` wrote."""
        return cls(pq.read_table(BytesIO(data)))

    def to_parquet(self) -> bytes:
        """Return the table as a Parquet file."""
        stream = BytesIO()
        pq.write_table(self.table, stream, compression="zstd")
        return stream.getvalue()

    @property
    def questions(self) -> pa.Table:
        """The rows without any answer: what the holdout is, whoever is judged on it."""
        return self.table.drop_columns(list(self.roles))

    @property
    def roles(self) -> tuple[Role, ...]:
        """Who answered."""
        return tuple(role for role in get_args(Role) if role in self.table.column_names)

    @cached_property
    def labels(self) -> Floats:
        """0 or 1, shape (n_rows,)."""
        return np.asarray(self.table["label"].to_numpy(), dtype=np.float64)

    def probabilities(self, role: Role) -> Floats:
        """What a model answered, shape (n_rows,)."""
        return np.asarray(self.table[role].to_numpy(), dtype=np.float64)

    @cached_property
    def days(self) -> list[date]:
        """The days that have rows, rising."""
        return sorted(set(self.table["day"].to_pylist()))

    @cached_property
    def day_numbers(self) -> Integers:
        """Position of each row's day in `days`, shape (n_rows,)."""
        days = np.asarray(self.table["day"].to_numpy(), dtype="datetime64[D]")
        return np.searchsorted(np.array(self.days, dtype="datetime64[D]"), days).astype(np.int64)

    def slice_values(self, column: str) -> list[str]:
        """Each row's value of a slice column; a missing value is a value of its own."""
        return [value if value is not None else "(missing)" for value in self.table[f"{_SLICE}{column}"].to_pylist()]
