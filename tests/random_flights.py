"""Random flights as a gateway sees them, and what a night knows: for the features of `flight_delays` without its data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.features.code import FeatureCode

FEATURES = Path(__file__).resolve().parents[1] / "include" / "models" / "flight_delays" / "features.py"
NIGHT = pd.Timestamp("2013-03-10T08:00", tz="UTC")
"""The night on which New York's clocks are put forward."""
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
ROW_TYPES = {
    "flight_id": "string",
    "scheduled_departure": "timestamp",
    "scheduled_arrival_local": "number",
    "carrier": "string",
    "flight": "number",
    "tailnum": "string",
    "origin": "string",
    "dest": "string",
    "distance": "number",
    "observed_at": "timestamp",
    **dict.fromkeys(WEATHER, "number"),
    "plane_year": "number",
    "plane_type": "string",
    "plane_seats": "number",
    "_event_time": "timestamp",
    "_prediction_time": "timestamp",
}
"""Columns of the frame that `row_features` is given."""
PLACES = {"carrier": ["AA", "B6", "UA", "9E"], "origin": ["EWR", "JFK", "LGA"], "dest": ["BOS", "LAX", "MIA", "SFO", "ATL"]}


def flight_code():
    """The features of `flight_delays`."""
    return FeatureCode.from_path(FEATURES)


def known_at_night(code, n_flights=3000, seed=1):
    """What `entity_features` makes of random arrivals and of a random schedule of two days, as Arrow tables."""
    rng = np.random.default_rng(seed)
    places = {name: rng.choice(values[:-1], n_flights) for name, values in PLACES.items()}
    landed = NIGHT - pd.to_timedelta(rng.integers(1, 8 * 24 * 60, n_flights), unit="min")
    delays = np.where(rng.random(n_flights) < 0.05, np.nan, rng.normal(5, 40, n_flights).round())
    leaving = NIGHT.floor("D") + pd.to_timedelta(rng.integers(0, 48 * 60, n_flights), unit="min")
    history = {
        "arrivals": pd.DataFrame({**places, "arr_delay": delays, "recorded_at": landed.as_unit("us")}),
        "schedule": pd.DataFrame({"origin": places["origin"], "scheduled_departure": leaving.as_unit("us")}),
    }
    frames = code.entity_features(history, NIGHT.to_pydatetime())
    return {name: pa.Table.from_pandas(frame) for name, frame in frames.items()}


def flights(n_rows, seed=2):
    """Columns of random flights of the night's two days; a tenth of the numbers is missing."""
    rng = np.random.default_rng(seed)
    start = int(NIGHT.floor("D").timestamp()) * 1_000_000
    moments = (start + rng.integers(0, 48 * 60, n_rows) * 60_000_000).tolist()
    columns = {name: _values(rng, name, kind, n_rows) for name, kind in ROW_TYPES.items()}
    before = [moment - 7_200_000_000 for moment in moments]
    return columns | {"scheduled_departure": moments, "_event_time": moments, "_prediction_time": before}


def _values(rng, name, kind, n_rows):
    if kind == "string":
        return rng.choice(PLACES.get(name, ["N1", "N2"]), n_rows).tolist()
    if kind == "timestamp":
        return [None] * n_rows
    numbers = rng.normal(60, 25, n_rows).round(2)
    return [None if missing else value for value, missing in zip(numbers.tolist(), rng.random(n_rows) < 0.1, strict=True)]
