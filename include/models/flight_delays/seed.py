"""Plays the upstream systems of `flight_delays`: the published schedule, the airlines' nightly batch, the weather service.

`evergreen seed flight_delays` writes what this yields into the landing zone, one file per table and local day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

DATA = Path(__file__).parent / "data"
TIMEZONE = "America/New_York"
BATCH_HOUR = 2
"""Local hour at which the airlines deliver what has landed by then."""
TAXI_MINUTES = 30
"""The source tells the time in the air only; taxiing out and in takes about this long."""


def landing_files(first: date, through: date) -> Iterator[tuple[str, pa.Table]]:
    """Yield (path below the model's landing folder, rows) for every table and day from `first` to `through`."""
    flights = _flights()
    yield "planes.parquet", _table(pd.read_parquet(DATA / "planes.parquet"))
    tables = {"schedule": _schedule(flights), "arrivals": _arrivals(flights), "weather": _weather()}
    days = {name: dict(list(frame.groupby("day", sort=True))) for name, frame in tables.items()}
    for day in pd.date_range(first, through):
        for name, by_day in days.items():
            if day.date() in by_day:
                yield f"{name}/{day.date().isoformat()}.parquet", _table(by_day[day.date()].drop(columns="day"))


def _flights() -> pd.DataFrame:
    flights = pd.read_parquet(DATA / "flights.parquet")
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    flights["scheduled_departure"] = hour + pd.to_timedelta(flights["minute"], unit="min")
    flights["day"] = pd.to_datetime(flights[["year", "month", "day"]]).dt.date
    number = flights["carrier"] + flights["flight"].astype(str)
    flights["flight_id"] = flights["day"].astype(str) + "-" + number + "-" + flights["origin"] + "-" + flights["dest"]
    return flights.sort_values(["scheduled_departure", "flight_id"], kind="stable")


def _schedule(flights: pd.DataFrame) -> pd.DataFrame:
    renamed = flights.rename(columns={"sched_arr_time": "scheduled_arrival_local"})
    columns = ["flight_id", "scheduled_departure", "scheduled_arrival_local", "carrier", "flight", "tailnum"]
    return renamed[["day", *columns, "origin", "dest", "distance"]]


def _arrivals(flights: pd.DataFrame) -> pd.DataFrame:
    columns = ["flight_id", "scheduled_departure", "carrier", "origin", "dest", "dep_delay", "arr_delay", "air_time"]
    arrivals = flights[["day", *columns]].copy()
    minutes = flights["dep_delay"].fillna(0) + flights["air_time"].fillna(0) + TAXI_MINUTES
    arrivals["recorded_at"] = _next_batch(flights["scheduled_departure"] + pd.to_timedelta(minutes, unit="min"))
    return arrivals


def _next_batch(landed: pd.Series) -> pd.Series:
    """Return the first nightly batch after a flight has landed, or was seen not to have left."""
    local = landed.dt.tz_convert(TIMEZONE)
    midnight = local.dt.tz_localize(None).dt.normalize()
    after_batch = local.dt.hour >= BATCH_HOUR
    batch = midnight + pd.to_timedelta(after_batch.astype(int), unit="D") + pd.Timedelta(hours=BATCH_HOUR)
    # On the night the clocks go forward there is no 02:00; the batch comes at 03:00.
    return batch.dt.tz_localize(TIMEZONE, ambiguous=False, nonexistent="shift_forward").dt.tz_convert("UTC")


def _weather() -> pd.DataFrame:
    weather = pd.read_parquet(DATA / "weather.parquet")
    weather["observed_at"] = pd.to_datetime(weather["time_hour"], utc=True)
    weather["day"] = weather["observed_at"].dt.tz_convert(TIMEZONE).dt.date
    columns = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    return weather[["day", "origin", "observed_at", *columns]].sort_values(["observed_at", "origin"], kind="stable")


def _table(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    fields = [pa.field(f.name, pa.timestamp("us", "UTC") if pa.types.is_timestamp(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))
