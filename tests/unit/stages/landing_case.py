"""A small model with a landing zone of its own, for tests of ingest."""

import io
import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.definitions import ModelDefinition
from evergreen.files import Files, is_s3, join_uri
from evergreen.results import Snapshot
from evergreen.settings import Settings
from evergreen.stages.ingest import ingest

ZONE = ZoneInfo("America/New_York")
FIRST = date(2013, 1, 1)
COLUMNS = {"id": "string", "at": "timestamp", "n": "integer", "x": "number", "ok": "boolean"}


def definition(ending: str = "parquet", *, files: str | None = "", **trips: object) -> ModelDefinition:
    """Trips by day, their ends a day later, and a reference table of cars."""
    return ModelDefinition.model_validate(
        {
            "name": "taxi",
            "title": "Late?",
            "owner": "me",
            "schedule": {"timezone": ZONE.key},
            "data": {
                "rows": "trips",
                "first_day": FIRST,
                "label": {"table": "ends", "column": "x", "above": 1},
                "tables": {
                    "trips": {
                        "files": f"trips/{{day}}.{ending}" if files == "" else files,
                        "key": ["id"],
                        "event_time": "at",
                        "columns": COLUMNS,
                        **trips,
                    },
                    "ends": {
                        "files": f"ends/{{day}}.{ending}",
                        "key": ["id"],
                        "event_time": "at",
                        "available_after": "1d",
                        "columns": COLUMNS,
                    },
                    "cars": {"files": f"cars.{ending}", "key": ["car"], "columns": {"car": "string"}},
                },
            },
        }
    )


def night(day: date) -> datetime:
    """Three in the morning of a local day."""
    return datetime.combine(day, datetime.min.time().replace(hour=3), tzinfo=ZONE).astimezone(UTC)


def nth(number: int) -> date:
    return FIRST + timedelta(days=number)


def rows(day: date, count: int = 4, salt: int = 0) -> pa.Table:
    """A day's rows: one an hour from local midnight, with missing values in every column but id and at."""
    start = datetime.combine(day, datetime.min.time(), tzinfo=ZONE).astimezone(UTC)
    every = range(count)
    return pa.table(
        {
            "id": pa.array([f"{day}-{number}" for number in every], pa.string()),
            "at": pa.array([start + timedelta(hours=number) for number in every], pa.timestamp("us", "UTC")),
            "n": pa.array([None if number == 1 else number + salt for number in every], pa.int64()),
            "x": pa.array([None if number == 2 else number / 4 for number in every], pa.float64()),
            "ok": pa.array([None if number == 3 else number % 2 == 0 for number in every], pa.bool_()),
        }
    )


def encode(table: pa.Table, ending: str) -> bytes:
    """Write rows the way an upstream system would."""
    if ending == "parquet":
        stream = io.BytesIO()
        pq.write_table(table, stream)
        return stream.getvalue()
    frame = table.to_pandas().astype(object)
    if "at" in frame:
        frame["at"] = [moment.isoformat() for moment in table.column("at").to_pylist()]
    if ending == "csv":
        return frame.to_csv(index=False).encode()
    return frame.to_json(orient="records", lines=True).encode()


@dataclass
class Case:
    """One model's landing zone and stores below `root`, a local folder or an S3 prefix."""

    root: str
    definition: ModelDefinition
    s3_endpoint_url: str = ""

    @property
    def settings(self) -> Settings:
        places = {f"{name}_uri": join_uri(self.root, name) for name in ("landing", "tables", "artifacts", "reports", "results")}
        home = Path("/nowhere") if is_s3(self.root) else Path(self.root)
        return Settings(home=home, s3_endpoint_url=self.s3_endpoint_url, **places)

    @property
    def files(self) -> Files:
        return Files.from_settings(self.settings)

    def uri(self, path: str) -> str:
        return join_uri(self.root, "landing", "taxi", path)

    def land(self, path: str, table: pa.Table | bytes, *, settled: bool = True) -> None:
        """Deliver a file; a settled one is a minute old, as all but the newest are at night."""
        data = table if isinstance(table, bytes) else encode(table, path.rpartition(".")[2])
        self.files.write_bytes(self.uri(path), data)
        if settled and not is_s3(self.root):
            before = time.time() - 60
            os.utime(self.uri(path), (before, before))

    def land_days(self, first: int, last: int, ending: str = "parquet") -> None:
        """Deliver both dated tables for a range of days, and the cars."""
        self.land(f"cars.{ending}", pa.table({"car": ["a", "b"]}))
        for number in range(first, last + 1):
            for table in ("trips", "ends"):
                self.land(f"{table}/{nth(number)}.{ending}", rows(nth(number)))

    def ingest(self, number: int, **words: object) -> Snapshot:
        """Ingest at night, with the landing zone up to day `number` in the window."""
        return ingest(self.definition, self.settings, night(nth(number)), **words)
