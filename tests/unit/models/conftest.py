"""The flights of the first days of 2013, as `tables.rows` reads them."""

import importlib.util
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.definitions.loader import load_definition
from evergreen.features.code import FeatureCode
from evergreen.tables.day_table import REFERENCE_DAY
from evergreen.tables.rows import availability

FOLDER = Path(__file__).parents[3] / "include" / "models" / "flight_delays"
FIRST, DAY = date(2013, 1, 1), date(2013, 1, 11)


@pytest.fixture(scope="session")
def definition():
    return load_definition(FOLDER)


@pytest.fixture(scope="session")
def code():
    return FeatureCode.from_path(FOLDER / "features.py")


@pytest.fixture(scope="session")
def tables(definition):
    spec = importlib.util.spec_from_file_location("seed", FOLDER / "seed.py")
    seed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seed)
    parts = {}
    for path, rows in seed.landing_files(FIRST, DAY):
        name = path.split("/")[0].removesuffix(".parquet")
        declared = definition.data.tables[name]
        day = REFERENCE_DAY if declared.is_reference else date.fromisoformat(Path(path).stem)
        event, available = availability(rows, declared)
        placed = rows.select(list(declared.columns)).append_column("_day", pa.array([day] * rows.num_rows, pa.date32()))
        parts.setdefault(name, []).append(placed.append_column("_event_time", event).append_column("_available_at", available))
    return {name: pa.concat_tables(pieces) for name, pieces in parts.items()}
