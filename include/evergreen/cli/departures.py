"""A few of the demo's predictions as flights that a person can picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

SHOWN = 7
_NEW_YORK = {"EWR": "Newark", "JFK": "JFK", "LGA": "LaGuardia"}


def show_departures(console: Console, definition: ModelDefinition, settings: Settings, scored: Mapping[str, Any]) -> None:
    """Print a few of a day's flights, from the safest to the riskiest, with what the champion says of each.

    Args:
        console: Where to print.
        definition: The flights' model.
        settings: Where the landing zone is.
        scored: A `ScoredDay` as JSON types.
    """
    rows = _read(definition, settings, scored)
    warned = sum(bool(row["decision"]) for row in rows)
    console.print(f"{warned:,} of {len(rows):,} flights get a warning. A few, from the safest to the riskiest:")
    data = definition.folder / "data"
    airlines, airports = _names(data / "airlines.parquet", "carrier"), _names(data / "airports.parquet", "faa")
    for row in spread(rows, SHOWN):
        leaves = row["scheduled_departure"].astimezone(definition.schedule.zone)
        line = _short(airlines.get(row["carrier"], row["carrier"]))
        to = f"{airports[row['dest']]} ({row['dest']})" if row["dest"] in airports else row["dest"]
        says = "warn" if row["decision"] else "on time"
        route = f"{_NEW_YORK.get(row['origin'], row['origin'])} → {to}"
        console.print(
            f"  {leaves:%H:%M}  {line + ' ' + str(row['flight']):<20} {route:<46} {row['probability']:4.0%} late  {says}"
        )


def spread(rows: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """Return `count` rows spread evenly over the order of their probability; all when there are fewer."""
    ordered = sorted(rows, key=lambda row: (row["probability"], str(row["flight_id"])))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / (count - 1))] for place in range(count)]


def _read(definition: ModelDefinition, settings: Settings, scored: Mapping[str, Any]) -> list[dict[str, Any]]:
    import io
    from datetime import date

    import pyarrow.parquet as pq

    from evergreen.files import Files, join_uri
    from evergreen.tables.day_table import DayTable

    files = Files.from_settings(settings)
    predictions = DayTable(scored["uri"], files).read(scored["table_version"], days=[date.fromisoformat(scored["day"])])
    ours = [row for row in predictions.to_pylist() if row["release_version"] == scored["release_version"]]
    last = max((row["_scoring"] for row in ours), default=0)  # the same release may have scored a corrected day again
    landed = files.read_bytes(join_uri(settings.landing_uri, definition.name, "schedule", f"{scored['day']}.parquet"))
    flights = {row["flight_id"]: row for row in pq.read_table(io.BytesIO(landed)).to_pylist()}
    return [{**flights[row["_key"]], **row} for row in ours if row["_scoring"] == last and row["_key"] in flights]


def _names(path: Path, code: str) -> dict[str, str]:
    import pyarrow.parquet as pq

    return {row[code]: row["name"] for row in pq.read_table(path, columns=[code, "name"]).to_pylist()}


def _short(airline: str) -> str:
    return (
        airline.removesuffix(" Inc.")
        .removesuffix(" Co.")
        .replace(" Air Lines", "")
        .replace(" Airlines", "")
        .replace(" Airways", "")
    )
