"""Ways in which a night's landing files go wrong, each as a change to one day's file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DAY = "2013-02-15"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Corruption:
    """A corruption and what must come of it."""

    name: str
    table: str
    change: Change
    expected: str
    """`ingest fails`, `validate fails`, `quarantine`, `warning` or `harmless`."""
    says: str
    """A word the error, reason or warning must contain."""


def frame(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """Change the rows of a file, keeping the column types that pandas would not keep."""

    def apply(path: Path) -> None:
        rows = change(pq.read_table(path).to_pandas())
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), path)

    return apply


def assign(**columns: Callable[[pd.DataFrame], object]) -> Change:
    return frame(lambda rows: rows.assign(**columns))


def first_rows(count: int, column: str, value: object) -> Change:
    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.copy()
        rows.loc[rows.index[:count], column] = value
        return rows

    return frame(change)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _invalid_utf8(path: Path) -> None:
    table = pq.read_table(path)
    names = [name.encode("utf-16") for name in table.column("carrier").to_pylist()]
    offsets = np.cumsum([0, *map(len, names)]).astype("int32")
    broken = pa.StringArray.from_buffers(len(names), pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(names)))
    pq.write_table(table.set_column(table.column_names.index("carrier"), "carrier", broken), path)


def _second_file(path: Path) -> None:
    path.with_name(f"{DAY}-copy.parquet").write_bytes(path.read_bytes())


CORRUPTIONS = [
    Corruption("missing column", "schedule", frame(lambda r: r.drop(columns="distance")), "ingest fails", "distance"),
    Corruption("wrong type", "schedule", assign(distance=lambda r: r.distance.astype(str) + " mi"), "ingest fails", "distance"),
    Corruption("zero-byte file", "schedule", lambda path: path.write_bytes(b""), "ingest fails", "schedule"),
    Corruption("truncated Parquet", "arrivals", _truncate, "ingest fails", "arrivals"),
    Corruption("wrong encoding", "schedule", _invalid_utf8, "ingest fails", "carrier"),
    Corruption("no rows", "arrivals", frame(lambda r: r.iloc[:0]), "validate fails", "arrivals"),
    Corruption("a known day's file vanishes", "schedule", lambda path: path.unlink(), "harmless", ""),
    Corruption(
        "minutes become seconds",
        "arrivals",
        assign(air_time=lambda r: r.air_time * 60, arr_delay=lambda r: r.arr_delay * 60, dep_delay=lambda r: r.dep_delay * 60),
        "validate fails",
        "air_time",
    ),
    Corruption("all nulls", "arrivals", assign(arr_delay=np.nan), "validate fails", "arr_delay"),
    Corruption("half the rows", "schedule", frame(lambda r: r.iloc[: len(r) // 2]), "validate fails", "row"),
    Corruption("every row twice", "schedule", frame(lambda r: pd.concat([r, r])), "validate fails", "schedule"),
    Corruption("null keys", "schedule", first_rows(5, "flight_id", None), "validate fails", "flight_id"),
    Corruption(
        "all labels one class",
        "arrivals",
        assign(arr_delay=lambda r: r.arr_delay.where(r.arr_delay.isna(), 3.0)),
        "validate fails",
        "label",
    ),
    Corruption(
        "kelvin for fahrenheit",
        "weather",
        assign(temp=lambda r: (r.temp - 32) / 1.8 + 273.15),
        "validate fails",
        "temp",
    ),
    Corruption(
        "a few future dates",
        "schedule",
        first_rows(3, "scheduled_departure", pd.Timestamp("2031-01-01", tz="UTC")),
        "quarantine",
        "scheduled_departure",
    ),
    Corruption("negative distance", "schedule", first_rows(3, "distance", -200), "quarantine", "distance"),
    Corruption("unknown origin", "schedule", first_rows(4, "origin", "XXX"), "quarantine", "origin"),
    Corruption("missing carrier", "schedule", first_rows(4, "carrier", None), "quarantine", "carrier"),
    Corruption("new destination", "schedule", first_rows(6, "dest", "ZZZ"), "warning", "ZZZ"),
    Corruption("wind never seen", "weather", first_rows(2, "wind_speed", 120.0), "warning", "wind_speed"),
    Corruption("extra column", "schedule", assign(gate_number=7), "harmless", ""),
    Corruption("shuffled columns", "schedule", frame(lambda r: r[list(reversed(r.columns))]), "harmless", ""),
    Corruption("a second file for the day", "schedule", _second_file, "harmless", ""),
]
