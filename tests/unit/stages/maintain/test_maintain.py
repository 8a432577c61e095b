"""What a release, a younger decision or a remaining result rests on is kept; what nothing rests on goes, written down first."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.definitions.retention import KINDS, Retention
from evergreen.errors import DataError
from evergreen.files import Files
from evergreen.observation import Action, Cause, NightDecision, Severity
from evergreen.registry.database import Database
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.version_rows import add_version
from evergreen.results import ChampionVersion, Outcome
from evergreen.settings import Settings
from evergreen.stages.maintain import Removal, maintain
from evergreen.stages.maintain.removal import RemovedFile, carry_out
from evergreen.tables.day_table import DayTable
from released_models import MODEL, a_definition

AS_OF = datetime(2013, 4, 1, 7, tzinfo=UTC)
NEVER = timedelta(0)
IN_YEARS = timedelta(days=3000)
REGISTERED, REJECTED, BASELINE = "a" * 32, "b" * 32, "c" * 32
FEATURES, OTHER_FEATURES = "d" * 32, "e" * 32
SNAPSHOT, OTHER_SNAPSHOT = "f" * 32, "0" * 32


class World:
    """A model with one registered version, one rejected candidate, and whatever a test adds."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.definition = a_definition()
        self.promoted = self.decide(REGISTERED, Outcome.PROMOTE)
        version = ChampionVersion(
            model=MODEL,
            version="1",
            bundle_uri=f"{self.settings.artifacts_uri}/{MODEL}/bundles/{REGISTERED}",
            bundle_digest=REGISTERED,
            decision_id=self.promoted.id,
            mlflow_run_id="run",
            trained_through=AS_OF,
            features_source_digest="s",
        )
        with Database(self.settings.database_url).writing() as connection:
            add_version(connection, version)
        self.bundle(REGISTERED, FEATURES)
        self.bundle(REJECTED, OTHER_FEATURES)

    def decide(self, challenger, outcome):
        folder = f"{self.settings.results_uri}/{MODEL}/evaluate/{challenger}"
        record = DecisionRecord(
            model=MODEL,
            as_of=AS_OF,
            outcome=outcome,
            reasons=("in words",),
            challenger_name="xgboost",
            challenger_digest=challenger,
            champion_version=None,
            champion_digest=None,
            holdout_digest="h",
            measurement_digest="m",
            gate_digest="g",
            measurement_uri=f"{folder}/measurement-m.json",
            report_uri=f"{self.settings.reports_uri}/{MODEL}/gate/{challenger}.html",
            mlflow_run_id="run",
        )
        return DecisionStore(self.settings.database_url).record(record)

    def bundle(self, digest, features):
        self.write("artifacts", f"bundles/{digest}/manifest.json", {"features_digest": features})
        self.write("artifacts", f"bundles/{digest}/model.json", {})

    def write(self, store, path, value):
        uri = f"{getattr(self.settings, f'{store}_uri')}/{MODEL}/{path}"
        Files().write_bytes(uri, json.dumps(value).encode())
        return Path(uri)

    def result(self, stage, key, **value):
        return self.write("results", f"{stage}/{key * 32}.json", value)

    def removed(self, kind, *, later=IN_YEARS, dry_run=False):
        """Return the paths below the home that went, or would go."""
        _, removal = maintain(self.definition, self.settings, kind, dry_run=dry_run, now=datetime.now(UTC) + later)
        return {Path(each.uri) for each in removal.files}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class TestResults:
    def test_what_a_registered_version_was_made_from_stays_and_the_rest_goes(self, world):
        kept = [
            world.result("train", "1", bundle_digest=REGISTERED),
            world.result("build_features", "2", digest=FEATURES, snapshot_digest=SNAPSHOT),
            world.result("validate", "3", validated={"snapshot": {"digest": SNAPSHOT}}),
            world.result("evaluate", "4", challenger={"bundle_digest": REGISTERED}),
        ]
        gone = {
            world.result("train", "5", bundle_digest=REJECTED),
            world.result("build_features", "6", digest=OTHER_FEATURES, snapshot_digest=OTHER_SNAPSHOT),
            world.result("validate", "7", validated={"snapshot": {"digest": OTHER_SNAPSHOT}}),
            world.result("evaluate", "8", challenger={"bundle_digest": REJECTED}),
            world.write("results", "collect/night-20130401T070000Z.json", {"champion": {"bundle_digest": REGISTERED}}),
        }
        assert world.removed("results") == gone
        assert all(path.exists() for path in kept)
        assert not any(path.exists() for path in gone)

    def test_what_holds_all_days_stays(self, world):
        for path in ("build_features/days-ab.json", "build_features/label-days.json", "collect/progress.json"):
            world.write("results", path, {})
        world.write("results", f"smoke_test/{'1' * 32}.json", {})
        world.write("results", f"validate_days/orders-{'1' * 32}.json", {})
        assert world.removed("results") == set()

    def test_what_a_verdict_is_decided_again_from_stays_and_the_judged_rows_go(self, world):
        for path in ("measurement-m.json", "decision-d.json", "predictions.parquet"):
            world.write("results", f"evaluate/{'8' * 32}/{path}", {})
        result = world.result("evaluate", "8", challenger={"bundle_digest": REJECTED})
        assert world.removed("results") == {result, result.with_suffix("") / "predictions.parquet"}

    def test_nothing_young_goes(self, world):
        world.result("train", "5", bundle_digest=REJECTED)
        assert world.removed("results", later=timedelta(days=179)) == set()
        assert len(world.removed("results", later=timedelta(days=181))) == 1

    def test_a_younger_verdict_keeps_what_it_is_about(self, world):
        world.decide(REJECTED, Outcome.KEEP)
        world.result("train", "5", bundle_digest=REJECTED)
        assert world.removed("results", later=NEVER) == set()
        assert len(world.removed("results")) == 1


class TestCandidates:
    def test_a_rejected_one_goes_whole_manifest_first(self, world):
        _, removal = maintain(world.definition, world.settings, "candidates", now=datetime.now(UTC) + IN_YEARS)
        folder = Path(world.settings.artifacts_uri) / MODEL / "bundles" / REJECTED
        assert [Path(each.uri) for each in removal.files] == [folder / "manifest.json", folder / "model.json"]

    def test_one_that_a_remaining_result_names_stays(self, world):
        world.result("train", "1", bundle_digest=REJECTED)
        assert world.removed("candidates") == set()


class TestInputs:
    def test_the_newest_stay_and_so_does_what_a_result_names(self, world):
        store = OnlineVersionStore(world.settings.database_url)
        for day, digest in enumerate(("1" * 32, "2" * 32, "3" * 32)):
            path = world.write("artifacts", f"online/{digest}/manifest.json", {})
            store.publish(
                OnlineInputsVersion(
                    model=MODEL,
                    features_key="k",
                    as_of=AS_OF + timedelta(days=day),
                    uri=str(path.parent),
                    digest=digest,
                    published_at=datetime.now(UTC),
                )
            )
        world.result("materialize", "9", digest="2" * 32)
        assert {path.parent.name for path in world.removed("inputs")} == {"1" * 32}


class TestTables:
    def test_a_version_that_a_result_names_stays_readable(self, world):
        table = DayTable(f"{world.settings.tables_uri}/{MODEL}/raw/orders", Files())
        for amount in range(3):
            table.write_days({date(2024, 1, 1): pa.table({"amount": [amount]})})
        world.result("validate", "1", validated={"snapshot": {"tables": {"orders": {"uri": table.uri, "version": 0}}}})
        assert len(world.removed("tables", later=timedelta(days=1))) == 0
        assert len(world.removed("tables")) == 1
        assert [table.read(version).column("amount").to_pylist() for version in (0, 2)] == [[0], [2]]

    def test_a_result_that_cannot_be_read_keeps_everything(self, world):
        table = DayTable(f"{world.settings.tables_uri}/{MODEL}/raw/orders", Files())
        for amount in range(3):
            table.write_days({date(2024, 1, 1): pa.table({"amount": [amount]})})
        world.result("validate", "1").write_text("{")
        assert world.removed("tables") == set()


class TestNights:
    def test_a_night_of_which_something_came_stays(self, world):
        store = NightStore(world.settings.database_url)
        gone = set()
        for day, action in enumerate(Action):
            as_of = AS_OF + timedelta(days=day)
            store.record(a_night(as_of, action))
            path = world.write("artifacts", f"monitoring/{as_of:%Y%m%dT%H%M%SZ}/diagnosis-0.json", {})
            if action in (Action.LOG, Action.WAIT):
                gone.add(path)
        gone.add(world.write("artifacts", "run_facts/score/20130401T070000Z-2013-03-31.json", {}))
        assert world.removed("nights", later=timedelta(days=399)) == set()
        assert world.removed("nights") == gone


class TestPages:
    def test_pages_of_verdicts_that_promoted_and_of_nights_that_acted_stay(self, world):
        world.write("reports", f"gate/{REGISTERED}.html", "")
        gone = {world.write("reports", f"gate/{REJECTED}.html", ""), world.write("reports", "monitoring/quiet.html", "")}
        acted = world.write("reports", "monitoring/acted.html", "")
        NightStore(world.settings.database_url).record(a_night(AS_OF, Action.RETRAIN, report_uri=str(acted)))
        assert world.removed("pages") == gone


def a_night(as_of, action, **changes):
    values = {
        "model": MODEL,
        "as_of": as_of,
        "release_version": "1",
        "bundle_digest": REGISTERED,
        "cause": Cause.NOTHING,
        "action": action,
        "severity": Severity.OK,
        "reasons": ("in words",),
        "alarms": (),
        "probed": False,
        "starts_training": False,
        "new_rows": 0,
        "diagnosis_digest": "d" * 32,
        "probe_digest": None,
        "policy_digest": "p" * 32,
        "past_digest": "0" * 32,
    }
    return NightDecision.model_validate(values | changes)


def test_a_dry_run_names_everything_and_touches_nothing(world):
    path = world.result("train", "5", bundle_digest=REJECTED)
    before = sorted(world.settings.home.rglob("*"))
    done, removal = maintain(world.definition, world.settings, "results", dry_run=True, now=datetime.now(UTC) + IN_YEARS)
    assert (done.files, done.size_bytes, done.record_uri) == (1, path.stat().st_size, "")
    assert [each.uri for each in removal.files] == [str(path)]
    assert sorted(world.settings.home.rglob("*")) == before


def test_what_is_removed_is_written_down_first(world, monkeypatch):
    path = world.result("train", "5", bundle_digest=REJECTED)

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Files, "remove", die)
    with pytest.raises(KeyboardInterrupt):
        world.removed("results")
    [record] = (Path(world.settings.artifacts_uri) / MODEL / "maintenance").iterdir()
    assert [each.uri for each in Removal.model_validate_json(record.read_bytes()).files] == [str(path)]
    assert path.exists()
    monkeypatch.undo()
    assert world.removed("results") == {path}


@pytest.mark.parametrize("kind", KINDS)
def test_the_landing_zone_and_other_models_are_never_touched(world, kind):
    others = [Path(world.settings.landing_uri) / MODEL / "orders" / "2013-04-01.parquet"]
    for store in ("artifacts", "results", "reports", "tables"):
        root = Path(getattr(world.settings, f"{store}_uri"))
        others += [root / f"{MODEL}_2" / "train" / f"{'1' * 32}.json", root / "mlflow" / MODEL / "file"]
    for path in others:
        Files().write_bytes(str(path), b"{}")
    world.removed(kind)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("place", ["landing/{model}/a.parquet", "artifacts/another/a", "tables/{model}/../another/a", "a"])
def test_a_file_elsewhere_stops_the_removal_before_anything_is_removed(world, place):
    own = world.result("train", "5", bundle_digest=REJECTED)
    elsewhere = world.settings.home / place.format(model=MODEL)
    removal = Removal(
        model=MODEL,
        kind="results",
        decided_at=AS_OF,
        older_than=AS_OF,
        because="a mistake",
        files=(RemovedFile(uri=str(own), size_bytes=1), RemovedFile(uri=str(elsewhere), size_bytes=1)),
    )
    with pytest.raises(DataError, match="not its own"):
        carry_out(removal, world.settings)
    assert own.exists()


def test_a_span_within_which_a_run_may_come_back_is_refused():
    with pytest.raises(ValueError, match="nothing so young"):
        Retention(work=timedelta(days=29))
