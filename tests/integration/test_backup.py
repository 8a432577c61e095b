"""A backup that was taken while a night ran comes back onto an empty machine, and everything goes on from there."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
from typer.testing import CliRunner

from evergreen.backup.making import make_backup
from evergreen.backup.manifest import manifest_names
from evergreen.backup.restoring import restore_backup
from evergreen.cli.main import app
from evergreen.connect.provenance import code_revision, lock_digest
from evergreen.connect.run import with_overrides
from evergreen.definitions import load_definition
from evergreen.definitions.retention import KINDS
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.registry.database import Database
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.version_rows import list_versions
from evergreen.stages.build_features import build_features
from evergreen.stages.ingest import ingest
from evergreen.stages.maintain import maintain
from evergreen.stages.retrain import replay
from evergreen.stages.train import train_candidate
from evergreen.stages.validate import validate
from evergreen.tables.addresses import bundles_uri
from evergreen.tables.day_table import DayTable
from integration.night import MODEL, QUICK, Night
from served_model import running_gateway

NIGHT, NEXT_NIGHT = "2013-02-16", "2013-02-17"
TRAINED = "2013-02-15T08:00:00Z"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CHECKED = 4
"""Of the backups that were taken while the night ran, so many are looked through; each takes a second."""
SCRIPT = Path(__file__).parent / "night_process.py"


class Copied:
    """A home, the backups that were made while it worked, and what it knew at the end."""

    def __init__(self, home: Night, folder: Path) -> None:
        self.home = home
        self.settings = home.settings
        self.folder = folder
        self.decided = ""
        self.while_working: list[str] = []
        self.known: dict[str, str] = {}

    def restore(self, name: str = "") -> None:
        """Lose everything, and bring a backup back."""
        shutil.rmtree(self.settings.home, ignore_errors=True)
        for store in (TrackingStore, RegistryStore):
            for engine in store._engine_map.values():
                engine.dispose()  # this process would go on with the file that is gone; a machine that is new has none
        restore_backup(self.settings, self.folder, name)

    def say(self, *command: str) -> str:
        addresses = {f"EVERGREEN_{key.upper()}": str(value) for key, value in self.settings.model_dump(mode="json").items()}
        result = CliRunner().invoke(app, list(command), env=addresses)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture(scope="module")
def copied(champion_home, tmp_path_factory):
    """The records name their home's address: its copy takes its place, and at the end it comes back."""
    home, outside = champion_home.settings.home, tmp_path_factory.mktemp("outside")
    shutil.copytree(home, outside / "untouched")
    home.rename(outside / "aside")
    try:
        shutil.copytree(outside / "aside", home)
        yield _worked(Copied(champion_home, outside / "backups"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
        (outside / "aside").rename(home)


def _worked(copied: Copied) -> Copied:
    """Run a night in a process of its own and take backups all the while; the last one is of the quiet home."""
    make_backup(copied.settings, copied.folder)
    command = [sys.executable, str(SCRIPT), str(copied.settings.home), NIGHT]
    night = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while night.poll() is None:
        copied.while_working.append(make_backup(copied.settings, copied.folder).name)
        time.sleep(1)
    said, problem = night.communicate()
    assert night.returncode == 0, problem[-2000:]
    copied.decided = said.splitlines()[-1]  # Airflow may log to the same stream
    make_backup(copied.settings, copied.folder)
    copied.known = {command: copied.say(command, MODEL) for command in ("status", "decisions", "releases")}
    return copied


def test_every_backup_that_was_taken_while_a_night_ran_is_whole(copied):
    assert len(copied.while_working) >= 5, "the night was over before there was anything to see"
    for name in copied.while_working[:: max(1, len(copied.while_working) // CHECKED)]:
        copied.restore(name)
        require_whole(copied.settings)


def test_a_night_that_was_cut_by_a_backup_is_done_again_to_the_same_decision(copied):
    for name in reversed(copied.while_working):
        copied.restore(name)
        if NightStore(copied.settings.database_url).latest(MODEL) is None:
            break
    for kind in ("scoring", "monitoring"):
        outcome = copied.home.run(kind, NIGHT)
        assert outcome.succeeded, outcome.errors
    assert outcome.returned["decide"]["decision_id"] == copied.decided


def test_everything_goes_on_from_the_last_backup(copied):
    copied.restore(manifest_names(copied.folder)[-1])
    assert {command: copied.say(command, MODEL) for command in copied.known} == copied.known
    [verdict] = DecisionStore(copied.settings.database_url).list(MODEL)
    assert "the same, word for word" in copied.say("replay", verdict.id)
    assert "the same, word for word" in copied.say("replay", copied.decided)
    outcome = copied.home.run("scoring", NEXT_NIGHT)
    assert outcome.succeeded, outcome.errors
    champion = ReleaseRegistry(copied.settings).champion(MODEL)
    with running_gateway(copied.settings) as gateway:
        assert gateway.get(f"/models/{MODEL}").json()["release_version"] == champion.version
    assert train_again(copied.settings, champion.bundle_digest) == champion.bundle_digest


def test_after_everything_old_is_removed_all_that_counts_is_decided_and_trained_again(copied):
    """Years later nothing is young: what a release rests on is kept all the same."""
    copied.restore(manifest_names(copied.folder)[-1])
    landed = files_below(copied.settings.landing_uri)
    definition = load_definition(copied.settings.definitions_dir / MODEL)
    moment = datetime.now(UTC) + timedelta(days=3000)
    removed = {kind: maintain(definition, copied.settings, kind, now=moment)[0].files for kind in KINDS}
    assert removed["results"] > 0
    assert removed["nights"] > 0
    assert removed["pages"] > 0
    assert files_below(copied.settings.landing_uri) == landed
    [verdict] = DecisionStore(copied.settings.database_url).list(MODEL)
    assert "the same, word for word" in copied.say("replay", verdict.id)
    champion = ReleaseRegistry(copied.settings).champion(MODEL)
    assert train_again(copied.settings, champion.bundle_digest) == champion.bundle_digest
    for kind in ("scoring", "monitoring"):
        outcome = copied.home.run(kind, NEXT_NIGHT)
        assert outcome.succeeded, outcome.errors


def files_below(folder):
    return sorted((str(path), path.stat().st_mtime_ns) for path in Path(folder).rglob("*"))


def train_again(settings, bundle_digest):
    """Train on the champion's snapshot as if nobody ever had, and return the digest of what comes out."""
    definition = load_definition(settings.definitions_dir / MODEL)
    shutil.rmtree(Path(bundles_uri(settings, MODEL)) / bundle_digest)
    shutil.rmtree(Path(settings.results_uri) / MODEL / "train")
    snapshot = ingest(definition, settings, datetime.fromisoformat(TRAINED))
    features = build_features(definition, validate(definition, snapshot, settings), settings)
    provenance = {"lock_digest": lock_digest(), "code_revision": code_revision()}
    return train_candidate(with_overrides(definition, QUICK), features, settings, "xgboost", **provenance).bundle_digest


def require_whole(settings):
    """Everything that is named is there: by the databases, by the tables' logs, by the stages' results."""
    files = Files.from_settings(settings)
    with Database(settings.database_url).reading() as connection:
        versions = list_versions(connection, MODEL)
    for version in versions:
        load_predictor(files, version.bundle_uri, version.bundle_digest)
    for decision in DecisionStore(settings.database_url).list(MODEL):
        assert files.exists(decision.measurement_uri)
    night = NightStore(settings.database_url).latest(MODEL)
    assert night is None or replay(night, settings).same
    known = sqlite3.connect(settings.home / "mlflow.db").execute("SELECT version FROM model_versions").fetchall()
    assert {int(version.version) for version in versions} <= {number for (number,) in known}
    for log in Path(settings.tables_uri).rglob("_delta_log"):
        table = DayTable(str(log.parent), files)
        for version in range(table.version() + 1):
            table.read(version)
    for path in Path(settings.results_uri).rglob("*.json"):
        for uri, version in pinned(json.loads(path.read_bytes())):
            assert version < 0 or DayTable(uri, files).has_version(version), (path, uri, version)


def pinned(value):
    """Yield every table version that a result names."""
    if isinstance(value, dict):
        for name, uri in value.items():
            if name == "uri" or name.endswith("_uri"):
                version = value.get(f"{name[:-3]}version")
                if isinstance(version, int):
                    yield uri, version
        for each in value.values():
            yield from pinned(each)
    elif isinstance(value, list):
        for each in value:
            yield from pinned(each)
