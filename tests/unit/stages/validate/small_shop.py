"""A small model with days of orders, and the night that judges them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from evergreen.definitions.model import ModelDefinition
from evergreen.digests import digest_json
from evergreen.files import Files
from evergreen.results import Snapshot, TableVersion, ValidatedSnapshot
from evergreen.settings import Settings
from evergreen.stages.validate import validate
from evergreen.tables.addresses import raw_uri
from evergreen.tables.day_table import REFERENCE_DAY, DayTable

FIRST = date(2013, 1, 1)
ROWS = 100


def make_definition(
    orders: dict[str, Any] | None = None, *, table: dict[str, Any] | None = None, **validation: Any
) -> ModelDefinition:
    """Build the small model; `orders` are the validation rules of its one dated table, `table` changes its definition."""
    columns = {"id": "string", "at": "timestamp", "shop": "string", "price": "number", "late": "integer"}
    dated = {"files": "orders/{day}.parquet", "key": ["id"], "event_time": "at", "columns": columns}
    return ModelDefinition.model_validate(
        {
            "name": "orders_late",
            "title": "Will an order be late?",
            "owner": "shop",
            "data": {
                "rows": "requests",
                "first_day": FIRST,
                "label": {"table": "orders", "column": "late", "equals": 1},
                "tables": {
                    "requests": {
                        "files": "requests/{day}.parquet",
                        "key": ["id"],
                        "event_time": "at",
                        "columns": {"id": "string", "at": "timestamp"},
                    },
                    "orders": dated | (table or {}),
                    "shops": {"files": "shops.csv", "key": ["shop"], "columns": {"shop": "string", "size": "number"}},
                },
            },
            "validation": {"tables": {"orders": orders or {}}, **validation},
        }
    )


def day_of_orders(day: date, rows: int = ROWS) -> pd.DataFrame:
    """Return an ordinary day: unique ids, three shops, prices from 10 to 20, one order in four late."""
    moment = pd.Timestamp(datetime(day.year, day.month, day.day, 8, tzinfo=UTC))
    return pd.DataFrame(
        {
            "id": [f"{day.isoformat()}-{n}" for n in range(rows)],
            "at": [moment + pd.Timedelta(minutes=n) for n in range(rows)],
            "shop": [("north", "south", "west")[n % 3] for n in range(rows)],
            "price": [10.0 + 10 * (n % 11) / 10 for n in range(rows)],
            "late": [int(n % 4 == 0) for n in range(rows)],
        }
    )


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    schema = {
        "id": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "shop": pa.string(),
        "price": pa.float64(),
        "late": pa.int64(),
    }
    frame = frame.assign(late=frame["late"].astype("Int64"))
    return pa.Table.from_pandas(frame, schema=pa.schema(schema), preserve_index=False)


@dataclass
class Shop:
    """A home with raw tables; days can be changed and nights be judged."""

    settings: Settings
    definition: ModelDefinition = field(default_factory=make_definition)

    @property
    def files(self) -> Files:
        return Files.from_settings(self.settings)

    def raw(self, table: str = "orders") -> DayTable:
        return DayTable(raw_uri(self.settings, self.definition.name, table), self.files)

    def deliver(self, day: date, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows) -> None:
        """Deliver a day of orders with a change to them."""
        self.ask([day])
        self.raw().write_days({day: to_arrow(change(day_of_orders(day)))})

    def deliver_days(self, count: int) -> date:
        """Deliver ordinary days from the first on; return the last."""
        days = [FIRST + timedelta(n) for n in range(count)]
        self.ask(days)
        self.raw().write_days({day: to_arrow(day_of_orders(day)) for day in days})
        return days[-1]

    def ask(self, days: list[date]) -> None:
        self.raw("requests").write_days({day: to_arrow(day_of_orders(day)).select(["id", "at"]) for day in days})

    def deliver_shops(self, sizes: dict[str, float]) -> None:
        rows = pa.table({"shop": pa.array(list(sizes), pa.string()), "size": pa.array(list(sizes.values()), pa.float64())})
        self.raw("shops").write_days({REFERENCE_DAY: rows})

    def snapshot(self, as_of: datetime) -> Snapshot:
        last_day = self.definition.schedule.day_of(as_of)
        tables = {}
        for name in self.definition.data.tables:
            raw = self.raw(name)
            days = {day: found for day, found in raw.partitions().items() if day <= last_day}
            tables[name] = TableVersion(
                table=name,
                uri=raw.uri,
                version=raw.version() or 0,
                digest=DayTable.snapshot_digest(days.values()),
                first_day=min(days),
                last_day=max(days),
                days=len(days),
                rows=sum(found.rows for found in days.values()),
            )
        return Snapshot(
            model=self.definition.name,
            as_of=as_of,
            first_day=FIRST,
            last_day=last_day,
            tables=tables,
            digest=digest_json({name: table.digest for name, table in tables.items()}),
            written_days=0,
        )

    def judge(self, last_day: date, *, force: bool = False) -> ValidatedSnapshot:
        """Judge at three in the night after `last_day`."""
        midnight = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC) + timedelta(days=1)
        return validate(self.definition, self.snapshot(midnight + timedelta(hours=3)), self.settings, force=force)
