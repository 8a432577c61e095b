"""The demo's question to the gateway: one flight of the morning, asked for over HTTP as any caller would."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evergreen.errors import StackError

if TYPE_CHECKING:
    from datetime import date

    import requests
    from rich.console import Console

    from evergreen.definitions import ModelDefinition
    from evergreen.settings import Settings

ASKED_FOR = ("JFK", "SEA")
"""A route that is flown every day."""
_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.3


def show_gateway_answer(
    console: Console, gateway_url: str, definition: ModelDefinition, settings: Settings, day: date, version: str
) -> None:
    """Ask the gateway about one of a day's flights, as soon as it serves a version with that night's features; print both.

    Args:
        console: Where to print.
        gateway_url: Address of the gateway.
        definition: The flights' model.
        settings: Where the landing zone is.
        day: The day whose first flight on `ASKED_FOR` is asked about; its entity features are those of its own night.
        version: The release that must answer.

    Raises:
        StackError: The gateway does not come to serve it.
    """
    from evergreen.cli.gateway_lines import key_header
    from evergreen.cli.stack.health import loopback_session

    session = loopback_session()
    session.headers.update(key_header(settings))
    _wait_until_served(session, f"{gateway_url}/models/{definition.name}", version, definition.schedule.moment(day))
    flight = _first_flight(definition, settings, day)
    address = f"{gateway_url}/models/{definition.name}/predict"
    began = time.monotonic()
    answered = session.post(address, json={name: _as_json(value) for name, value in flight.items()}, timeout=_LIMIT_SECONDS)
    answered.raise_for_status()
    found, took_ms = answered.json(), 1000 * (time.monotonic() - began)
    (said,) = found["predictions"]
    leaves = flight["scheduled_departure"].astimezone(definition.schedule.zone)
    says = "warn" if said["decision"] else "on time"
    console.print(f"asked the gateway, POST {address}", markup=False)
    console.print(
        f"  {flight['carrier']} {flight['flight']} {flight['origin']} → {flight['dest']}, leaving {leaves:%H:%M} on {day}: "
        f"{said['probability']:.0%} late, {says}; answered by version {found['release_version']} in {took_ms:.0f} ms",
        markup=False,
    )


def _wait_until_served(session: requests.Session, card_url: str, version: str, night: datetime) -> None:
    """Wait until the gateway has followed the release and the night's publication; it looks once a second."""
    wanted, card = f"{night.astimezone(UTC):%Y-%m-%dT%H:%M}", dict[str, Any]()
    deadline = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < deadline:
        answered = session.get(card_url, timeout=_LIMIT_SECONDS)
        card = answered.json() if answered.ok else {}
        if card.get("release_version") == version and card["features_as_of"].startswith(wanted):
            return
        time.sleep(_POLL_SECONDS)
    raise StackError(
        "the gateway does not serve the champion",
        found=f"version {card.get('release_version', 'none')} with features of {card.get('features_as_of', 'no night')}",
        allowed=f"version {version} with features of {wanted}Z within {_LIMIT_SECONDS:.0f} s",
        remedy="read logs/gateway.log, and the task `materialize` of the scoring run in Airflow",
    )


def _first_flight(definition: ModelDefinition, settings: Settings, day: date) -> dict[str, Any]:
    import pyarrow.parquet as pq

    from evergreen.files import Files, join_uri

    landed = Files.from_settings(settings).read_bytes(
        join_uri(settings.landing_uri, definition.name, "schedule", f"{day}.parquet")
    )
    flights: list[dict[str, Any]] = pq.read_table(io.BytesIO(landed)).to_pylist()
    flights.sort(key=lambda row: (row["scheduled_departure"], row["flight_id"]))
    return next((row for row in flights if (row["origin"], row["dest"]) == ASKED_FOR), flights[0])


def _as_json(value: object) -> object:
    """Return a value as a caller would send it; a moment with its offset."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
