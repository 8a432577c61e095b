"""Raw tables of a small model, written as ingest writes them, for stages to build from; and its release."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.definitions import ModelDefinition
from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.digests import digest_bytes, digest_json
from evergreen.files import Files
from evergreen.predictors.bundle import write_bundle
from evergreen.predictors.calibration import NoCalibration
from evergreen.predictors.encoder import Encoder
from evergreen.predictors.manifest import BundleFile, BundleManifest
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import ChampionVersion, Outcome, Snapshot, TableVersion, ValidatedSnapshot
from evergreen.settings import Settings
from evergreen.tables.addresses import bundles_uri, quarantine_uri, raw_uri
from evergreen.tables.day_table import REFERENCE_DAY, DayTable
from evergreen.tables.rows import read_rows
from released_models import Nowhere

MOMENT = pa.timestamp("us", "UTC")
FIRST = date(2024, 3, 1)
SOURCE = """
def entity_features(history, as_of):
    shops = history["purchases"].groupby("shop", as_index=False).agg(mean_spent=("spent", "mean"))
    return {"shops": shops}

def row_features(rows, entities):
    joined = rows.merge(entities["shops"], on="shop", how="left")
    joined = joined.assign(hour=joined["at"].dt.hour, price=joined["price_price"])
    return joined[["shop", "hour", "price", "mean_spent"]]
"""
KINDS = {"hour": "double", "price": "double", "mean_spent": "double", "shop": "string"}
"""The features of `SOURCE`."""


@pytest.fixture
def definition(tmp_path):
    model = ModelDefinition.model_validate(
        {
            "name": "shops",
            "title": "Will a visit end in a purchase?",
            "owner": "tests",
            "schedule": {"at": "03:00"},
            "data": {
                "rows": "visits",
                "first_day": FIRST.isoformat(),
                "predict_before": "1h",
                "label": {"table": "purchases", "column": "spent", "above": 10},
                "tables": {
                    "visits": {"files": "v/{day}.csv", "key": ["visit"], "event_time": "at", "available_after": "-2d"},
                    "purchases": {"files": "p/{day}.csv", "key": ["visit"], "event_time": "at", "available_at": "known_at"},
                    "prices": {
                        "files": "r/{day}.csv",
                        "key": ["shop", "at"],
                        "event_time": "at",
                        "available_after": "1h",
                        "join": {"by": ["shop"], "within": "12h", "prefix": "price_"},
                    },
                    "places": {"files": "places.csv", "key": ["shop"], "join": {"by": ["shop"], "prefix": "place_"}},
                },
            },
            "features": {"history": "3d"},
            "gate": {"slices": [{"by": "shop"}]},
        }
    )
    (tmp_path / "features.py").write_text(SOURCE)
    model._folder = tmp_path
    return model


@dataclass
class World:
    """Raw days that a test may change between nights."""

    definition: ModelDefinition
    home: Path
    days: dict[str, dict[date, pa.Table]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def add_day(self, day: date, *, spent: float = 0.0) -> None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        at = pa.array([start + timedelta(hours=hour) for hour in range(2, 24, 3)], MOMENT)
        known = pa.array([moment + timedelta(hours=30 if n == 0 else 4) for n, moment in enumerate(at.to_pylist())], MOMENT)
        key = pa.array([f"{day}-{n}" for n in range(len(at))])
        shop = pa.array(["ab"[n % 2] for n in range(len(at))])
        amounts = pa.array([None if n == 3 else spent + 5.0 * (n + day.day % 3) for n in range(len(at))], pa.float64())
        price = pa.array([float(day.day * 100 + n) for n in range(len(at))])
        self.days.setdefault("visits", {})[day] = pa.table({"visit": key, "shop": shop, "at": at})
        bought = pa.table({"visit": key, "shop": shop, "at": at, "known_at": known, "spent": amounts})
        self.days.setdefault("purchases", {})[day] = bought
        self.days.setdefault("prices", {})[day] = pa.table({"shop": shop, "at": at, "price": price})

    def validated(self, as_of: datetime, aside: dict[date, list[str]] | None = None) -> ValidatedSnapshot:
        """Write what is in the world and return it as a run as of `as_of` sees it; `aside`: purchases to quarantine."""
        places = {REFERENCE_DAY: pa.table({"shop": ["a", "b"], "size": [3, 5]})}
        tables = {name: self._version(raw_uri, name, days) for name, days in {**self.days, "places": places}.items()}
        snapshot = Snapshot(
            model=self.definition.name,
            as_of=as_of,
            first_day=FIRST,
            last_day=self.definition.schedule.day_of(as_of),
            tables=tables,
            digest=digest_json([tables[name].digest for name in sorted(tables)]),
            written_days=0,
        )
        quarantine = {"purchases": self._aside(snapshot, aside)} if aside else {}
        digest = digest_json([snapshot.digest, *(version.digest for version in quarantine.values())])
        return ValidatedSnapshot(
            snapshot=snapshot, quarantine=quarantine, quarantined_rows={}, warnings=(), report_uri="", digest=digest
        )

    def _aside(self, snapshot: Snapshot, aside: dict[date, list[str]]) -> TableVersion:
        rows = read_rows(self.definition, snapshot, "purchases", Files()).to_pylist()
        chosen = {day: [row["_row_id"] for row in rows if row["visit"] in visits] for day, visits in aside.items()}
        reasons = {day: pa.table({"_row_id": ids, "_reasons": ["test"] * len(ids)}) for day, ids in chosen.items()}
        return self._version(quarantine_uri, "purchases", reasons)

    def _version(self, uri, name: str, days: dict[date, pa.Table]) -> TableVersion:
        table = DayTable(uri(self.settings, self.definition.name, name), Files())
        written = table.write_days(days)
        found = list(written.partitions.values())
        return TableVersion(
            table=name,
            uri=table.uri,
            version=written.version,
            digest=DayTable.snapshot_digest(found),
            first_day=found[0].day,
            last_day=found[-1].day,
            days=len(found),
            rows=sum(partition.rows for partition in found),
        )


@pytest.fixture
def world(definition, tmp_path):
    made = World(definition, tmp_path / "home")
    for offset in range(10):
        made.add_day(FIRST + timedelta(days=offset))
    return made


@pytest.fixture
def other_world(definition, tmp_path):
    """The same world, never built in: for results from scratch."""
    return lambda world: World(definition, tmp_path / "other", world.days)


def release(
    world: World,
    number: int = 1,
    *,
    source: str = SOURCE,
    kinds: dict[str, str] | None = None,
    promoted: bool = True,
    **layout,
) -> ChampionVersion:
    """Make a bundle of some feature code and layout the champion, in our own books alone; or only register it.

    Its model is no model: nobody here asks it anything.
    """
    registry = ReleaseRegistry(world.settings, mirror=Nowhere())
    before = registry.champion(world.definition.name)
    uri, manifest = _bundle(world, source, KINDS if kinds is None else kinds, layout)
    record = DecisionStore(world.settings.database_url).record(
        DecisionRecord(
            model=world.definition.name,
            as_of=datetime(2024, 3, 1, tzinfo=UTC),
            outcome=Outcome.PROMOTE,
            reasons=("better",),
            challenger_name="baseline",
            challenger_digest=manifest.digest,
            champion_version=before.version if before else None,
            champion_digest=None,
            holdout_digest="h",
            measurement_digest="m",
            gate_digest="g",
            measurement_uri="/m",
            report_uri="/r",
            mlflow_run_id="",
        )
    )
    version = ChampionVersion(
        model=world.definition.name,
        version=str(number),
        bundle_uri=uri,
        bundle_digest=manifest.digest,
        decision_id=record.id,
        mlflow_run_id="",
        trained_through=manifest.trained_through,
        features_source_digest=manifest.features_source_digest,
    )
    registry.register(version)
    if promoted:
        registry.promote(version.model, version.version, record.id, record.champion_version, actor="test")
    return version


def _bundle(world: World, source: str, kinds: dict[str, str], layout: dict[str, object]) -> tuple[str, BundleManifest]:
    contents = {"model.json": b"{}", "profile.json": b"{}", "features.py": source.encode()}
    numeric, categorical = ([name for name, kind in kinds.items() if kind == wanted] for wanted in ("double", "string"))
    manifest = BundleManifest(
        model=world.definition.name,
        algorithm="baseline",
        numeric=numeric,
        categorical=categorical,
        encoder=Encoder(numeric=(), categorical=()),
        calibration=NoCalibration(),
        threshold=0.4,
        label=world.definition.data.label,
        hyper_parameters={},
        seed=1,
        trained_from=datetime(2024, 2, 1, tzinfo=UTC),
        trained_through=datetime(2024, 3, 1, tzinfo=UTC),
        training_rows=1,
        positive_share=0.5,
        training_digest="t",
        features_digest="f",
        features_source_digest=digest_bytes(source.encode()),
        feature_layout=FeatureLayout.of(world.definition).model_copy(update=layout),
        lock_digest="l",
        files={name: BundleFile.of(data) for name, data in contents.items()},
    )
    return write_bundle(Files(), bundles_uri(world.settings, world.definition.name), manifest, contents)[0], manifest
