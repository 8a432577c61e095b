"""A registry of every schema there has been opens under the newest, keeps every row, and decides again what it decided."""

import shutil
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import create_engine, inspect, text

from evergreen.cli.replay import _replay_verdict
from evergreen.definitions import load_definition
from evergreen.digests import digest_bytes
from evergreen.errors import RegistryError
from evergreen.files import Files
from evergreen.registry.decisions import DecisionRecord, DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.schema import SCHEMA_VERSION, metadata
from evergreen.results import ChampionVersion
from evergreen.settings import Settings
from evergreen.stages.gate import decide
from evergreen.stages.gate.record import write_ruling
from gate_measurements import RULES, measurement
from registry_schema_1 import SQLITE
from rollout_world import Nowhere

ROOT = Path(__file__).parents[2]
MODEL = "minimal"
CAME_WITH = {
    2: "alerts nights arrivals released_days requests request_starts refused_events",
    3: "online_versions",
    4: "rollouts",
    5: "nights.rolls_back_to nights.probation_digest",
    6: "alert_attempts",
    7: "erasures erased_keys erasure_steps",
}
"""What each schema brought; a table, or a column of one. A new schema adds its line here."""


@pytest.fixture
def settings(tmp_path):
    """A registry of the newest schema with a champion, and a verdict whose evidence is kept."""
    shutil.copytree(ROOT / "docs" / "guides" / "minimal", tmp_path / "models" / MODEL)
    settings = Settings(home=tmp_path, definitions_dir=tmp_path / "models")
    record = _record_a_verdict(settings)
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    registry.register(
        ChampionVersion(
            model=MODEL,
            version="1",
            bundle_uri="/bundle",
            bundle_digest=record.challenger_digest,
            decision_id=record.id,
            mlflow_run_id="run",
            trained_through=datetime(2013, 3, 1, tzinfo=UTC),
            features_source_digest="s",
        )
    )
    registry.promote(MODEL, "1", record.id, None, actor="somebody")
    return settings


def test_every_table_and_column_has_its_schema():
    tables = {table.name for table in metadata.sorted_tables}
    first = {statement.split()[2] for statement in SQLITE if statement.startswith("CREATE TABLE")}
    later = {f"evergreen_{name}" for names in CAME_WITH.values() for name in names.split() if "." not in name}
    assert first | later == tables
    assert max(CAME_WITH) == SCHEMA_VERSION


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_it_opens_keeps_every_row_and_decides_again(settings, version):
    _take_back_to(settings, version)
    before = _rows(settings)
    assert len(before["evergreen_decisions"]) == len(before["evergreen_releases"]) == 1

    record = DecisionStore(settings.database_url).latest(MODEL)
    said = StringIO()
    assert _replay_verdict(record, settings, Console(file=said, width=200))
    assert "the same, word for word" in said.getvalue()
    assert ReleaseRegistry(settings, mirror=Nowhere()).champion(MODEL).version == "1"
    assert NightStore(settings.database_url).nights(MODEL, datetime(2013, 6, 2, tzinfo=UTC), 5) == []

    after = _rows(settings)
    assert after.pop("evergreen_schema") == [(SCHEMA_VERSION,)]
    assert before.pop("evergreen_schema") == [(version,)]
    assert {name: after[name] for name in before} == before
    assert set(after) == {table.name for table in metadata.sorted_tables} - {"evergreen_schema"}


def test_taken_back_to_the_first_it_is_what_the_first_version_made(settings, tmp_path):
    _take_back_to(settings, 1)
    first = create_engine(f"sqlite:///{tmp_path / 'first.db'}")
    with first.begin() as connection:
        for statement in SQLITE:
            connection.execute(text(statement))
    assert _columns(settings.database_url) == _columns(str(first.url))
    first.dispose()


def test_a_later_one_is_refused_by_this_version_and_left_alone(settings):
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE evergreen_schema SET version = {SCHEMA_VERSION + 1}"))
    engine.dispose()
    before = _rows(settings)
    with pytest.raises(RegistryError, match="later version of Evergreen"):
        DecisionStore(settings.database_url).latest(MODEL)
    assert _rows(settings) == before


def _record_a_verdict(settings):
    definition = load_definition(settings.definitions_dir / MODEL)
    found = measurement()
    decision = decide(found, RULES)
    uri = str(settings.home / "results" / "measurement.json")
    files = Files.from_settings(settings)
    files.write_bytes(uri, found.to_bytes())
    kept = DecisionStore(settings.database_url).record(
        DecisionRecord(
            model=MODEL,
            as_of=datetime(2013, 4, 1, 7, tzinfo=UTC),
            outcome=decision.outcome,
            reasons=decision.reasons,
            challenger_name="xgboost",
            challenger_digest="c" * 32,
            champion_version=None,
            champion_digest=None,
            holdout_digest="h" * 32,
            measurement_digest=digest_bytes(found.to_bytes()),
            gate_digest=definition.model_copy(update={"gate": RULES}).digest("gate"),
            measurement_uri=uri,
            report_uri="/r.html",
            mlflow_run_id="run",
            rows_needed=decision.rows_needed,
        )
    )
    write_ruling(kept, RULES, decision, files)
    return kept


def _take_back_to(settings, version):
    """Take away, from the newest schema backwards, what came after one."""
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        for name in (name for number in range(SCHEMA_VERSION, version, -1) for name in CAME_WITH[number].split()):
            table, _, column = name.partition(".")
            drop = f"ALTER TABLE evergreen_{table} DROP COLUMN {column}" if column else f"DROP TABLE evergreen_{table}"
            connection.execute(text(drop))
        connection.execute(text(f"UPDATE evergreen_schema SET version = {version}"))
    engine.dispose()


def _columns(url):
    engine = create_engine(url)
    found = inspect(engine)
    columns = {table: sorted(column["name"] for column in found.get_columns(table)) for table in found.get_table_names()}
    engine.dispose()
    return columns


def _rows(settings):
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        tables = _columns(settings.database_url)
        rows = {table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))] for table in tables}
    engine.dispose()
    return rows
