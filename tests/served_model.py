"""A model as the gateway serves it, in a home of its own: definition, releases, online inputs, and the gateway as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import requests
import yaml

from evergreen.definitions import load_definition
from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.features.inputs import release_key
from evergreen.files import Files
from evergreen.online_inputs import OnlineInputs
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.settings import PROJECT_ROOT, Settings
from evergreen.tables.online_inputs import write_online_inputs
from free_ports import free_port
from released_models import MODEL, Nowhere, a_bundle, judge, register_without_mlflow, release_without_mlflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from evergreen.predictors.calibration import Calibration
    from evergreen.registry.rollout_events import RolloutEvent
    from evergreen.results import ChampionVersion

NIGHT = datetime(2013, 4, 1, 7, tzinfo=UTC)
QUICK = """import narwhals as nw

def row_features(rows, entities):
    flights = nw.from_native(rows).join(nw.from_native(entities["carriers"]), on="carrier", how="left")
    return flights.select(
        "distance", (nw.col("temp") + nw.col("warmth").fill_null(0.0)).alias("temp"), "carrier", "hour"
    )
"""
"""Features as Narwhals expressions; `temp` is joined, `warmth` is an entity feature."""
FREE = """def row_features(rows, entities):
    flights = rows.merge(entities["carriers"], on="carrier", how="left")
    if (flights["carrier"] == "RAISE").any():
        raise KeyError("the code does not like this carrier")
    flights["temp"] = flights["temp"] + flights["warmth"].fillna(0.0)
    return flights[["distance", "temp", "carrier", "hour"]]
"""
"""The same in plain pandas."""
CARRIERS = ("AA", "UA", "DL", "ü&")
DEFINITION: dict[str, Any] = {
    "name": MODEL,
    "title": "Will it be late?",
    "owner": "tests",
    "schedule": {"at": "07:00"},
    "features": {"categorical": ["hour"]},
    "data": {
        "rows": "schedule",
        "first_day": "2013-01-01",
        "last_day": "2013-12-31",
        "predict_before": "2h",
        "label": {"table": "arrivals", "column": "late", "equals": 1},
        "tables": {
            "schedule": {
                "files": "schedule/{day}.parquet",
                "key": ["id"],
                "event_time": "at",
                "available_after": "-7d",
                "columns": {
                    "id": "string",
                    "at": "timestamp",
                    "carrier": "string",
                    "origin": "string",
                    "distance": "number",
                    "hour": "integer",
                },
            },
            "arrivals": {"files": "arrivals/{day}.parquet", "key": ["id"], "event_time": "at", "available_after": "1d"},
            "weather": {
                "files": "weather/{day}.parquet",
                "key": ["origin", "seen"],
                "event_time": "seen",
                "columns": {"origin": "string", "seen": "timestamp", "temp": "number"},
                "join": {"by": ["origin"], "within": "48h"},
            },
        },
    },
}


def a_row(number: int = 0, **changes: object) -> dict[str, Any]:
    """A request row; another number, another row."""
    at = NIGHT + timedelta(hours=6, minutes=number % 600)
    value = {
        "id": f"flight-{number}",
        "at": at.isoformat().replace("+00:00", "Z"),
        "carrier": CARRIERS[number % len(CARRIERS)],
        "origin": ("JFK", "EWR")[number % 2],
        "distance": 100.0 + 7 * (number % 400),
        "hour": (6, 12, 18)[number % 3],
    }
    return {**value, **changes}


class ServedModel:
    """Releases, publications and the definition in one home."""

    def __init__(self, home: Path, *, serving: dict[str, Any] | None = None, release: dict[str, Any] | None = None) -> None:
        self.settings = Settings(home=home, definitions_dir=home / "models")
        self._release = release or {}
        self.write_definition(serving or {})
        self._number = 0

    def write_definition(self, serving: dict[str, Any]) -> None:
        """Write model.yaml and features.py, as a person would."""
        folder = self.settings.definitions_dir / MODEL
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "features.py").write_text(QUICK, encoding="utf-8")
        text = yaml.safe_dump({**DEFINITION, "serving": serving, "release": self._release}, allow_unicode=True, sort_keys=False)
        (folder / "model.yaml").write_text(text, encoding="utf-8")

    @property
    def layout(self) -> FeatureLayout:
        """The layout that releases are built with."""
        return FeatureLayout.of(load_definition(self.settings.definitions_dir / MODEL))

    def release(self, algorithm: str = "xgboost", *, source: str = QUICK) -> ChampionVersion:
        """Train, decide and release; each is another model."""
        self._number += 1
        candidate = a_bundle(self.settings, algorithm, seed=self._number, source=source, layout=self.layout)
        against = None if self._number == 1 else str(self._number - 1)
        return release_without_mlflow(self.settings, self._number, judge(self.settings, candidate, against=against))

    def challenger(
        self,
        algorithm: str = "xgboost",
        *,
        source: str = QUICK,
        shuffled: bool = False,
        calibration: Calibration | None = None,
        change: Callable[[dict[str, bytes]], dict[str, bytes]] = dict,
    ) -> ChampionVersion:
        """Train, decide in its favour and register, against whoever is champion now."""
        self._number += 1
        candidate = a_bundle(
            self.settings,
            algorithm,
            seed=self._number,
            source=source,
            layout=self.layout,
            shuffled=shuffled,
            calibration=calibration,
            change=change,
        )
        return register_without_mlflow(self.settings, self._number, judge(self.settings, candidate, against=self.champion))

    @property
    def champion(self) -> str:
        """The version that is champion now."""
        found = ReleaseRegistry(self.settings, mirror=Nowhere()).champion(MODEL)
        assert found is not None
        return found.version

    def try_out(
        self,
        challenger: ChampionVersion,
        *,
        mode: Literal["shadow", "canary", "blue_green"] = "canary",
        step: int = 1,
        shares: Sequence[float] = (1.0,),
        lasts: timedelta = timedelta(hours=1),
    ) -> RolloutEvent:
        """Begin a step of a challenger's rollout."""
        return RolloutStore(self.settings.database_url).begin_step(
            model=MODEL,
            rollout_id=challenger.decision_id,
            mode=mode,
            version=challenger.version,
            champion_version=self.champion,
            step=step,
            steps=len(shares),
            share=shares[step - 1],
            key=(),
            actor="test",
            expires_at=datetime.now(UTC) + lasts,
        )

    def promote(self, challenger: ChampionVersion) -> None:
        """Make a challenger the champion."""
        registry = ReleaseRegistry(self.settings, mirror=Nowhere())
        registry.promote(MODEL, challenger.version, challenger.decision_id, self.champion, actor="test")

    def roll_back(self, to_version: str) -> None:
        """Make an earlier version the champion again."""
        ReleaseRegistry(self.settings, mirror=Nowhere()).rollback(MODEL, "test", to_version=to_version, actor="test")

    def publish(self, champion: ChampionVersion, *, night: datetime = NIGHT, warmth: float = 1.0) -> OnlineInputsVersion:
        """Publish online inputs for a version's features."""
        key = release_key(self.layout, champion.features_source_digest)
        uri, digest = write_online_inputs(MODEL, self._inputs(key, night, warmth), self.settings, Files())
        version = OnlineInputsVersion(
            model=MODEL, features_key=key, as_of=night, uri=uri, digest=digest, published_at=datetime.now(UTC)
        )
        OnlineVersionStore(self.settings.database_url).publish(version)
        return version

    def _inputs(self, key: str, night: datetime, warmth: float) -> OnlineInputs:
        import pandas as pd

        carriers = pd.DataFrame({"carrier": list(CARRIERS[:3]), "warmth": [warmth, 2 * warmth, -warmth]})
        seen = [night - timedelta(hours=2), night - timedelta(hours=1)] * 2
        moment = pa.timestamp("us", "UTC")
        weather = pa.table(
            {
                "origin": ["JFK", "JFK", "EWR", "EWR"],
                "seen": pa.array(seen, moment),
                "temp": [40.0, 52.0, 61.5, None],
                "_event_time": pa.array(seen, moment),
                "_readable_from": pa.array(seen, moment),
            }
        )
        return OnlineInputs(
            as_of=night,
            features_key=key,
            digest="",
            row_types=dict(DEFINITION["data"]["tables"]["schedule"]["columns"]),
            entities={"carriers": pa.Table.from_pandas(carriers)},
            joined={"weather": weather},
        )


@dataclass
class RunningGateway:
    """A gateway in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, body: object, path: str = f"/models/{MODEL}/predict", **options: Any) -> requests.Response:
        """Send a body, as JSON unless it is bytes."""
        if isinstance(body, bytes):
            return requests.post(f"{self.url}{path}", data=body, timeout=30, **options)
        return requests.post(f"{self.url}{path}", json=body, timeout=30, **options)

    def get(self, path: str) -> requests.Response:
        """Ask for a page."""
        return requests.get(f"{self.url}{path}", timeout=30)

    def wait(self, test: Any, what: str, seconds: float = 60.0) -> Any:
        """Wait until a test of this gateway holds; return what it returned."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, f"the gateway ended:\n{self.log.read_text()[-3000:]}"
            try:
                found = test(self)
            except requests.ConnectionError:
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"no {what} after {seconds} s:\n{self.log.read_text()[-3000:]}"
            time.sleep(0.05)

    def wait_for_version(self, version: str, model: str = MODEL) -> None:
        """Wait until a version answers."""
        self.wait(lambda g: g.get(f"/models/{model}").json().get("release_version") == version, f"version {version}")


@contextmanager
def running_gateway(
    settings: Settings, *, is_ready: bool = True, options: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> Iterator[RunningGateway]:
    """Run a gateway for these settings; stop it by TERM at the end."""
    port = free_port()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "EVERGREEN"))}
    own = {f"EVERGREEN_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()}
    log = settings.home / f"gateway-{port}.log"
    code = "from evergreen.cli.main import run; run()"
    command = [sys.executable, "-c", code, "serve", "--port", str(port), *options]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**outside, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT_ROOT / "include"), **own, **(environment or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    gateway = RunningGateway(f"http://127.0.0.1:{port}", process, log)
    try:
        gateway.wait(lambda g: g.get("/ready" if is_ready else "/health").ok, "readiness")
        yield gateway
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
