"""A backup and its way back keep their promises on both kinds of stores and both databases."""

import os
from datetime import date

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from evergreen.backup.making import make_backup
from evergreen.backup.restoring import restore_backup
from evergreen.errors import RequestError
from evergreen.files import Files, join_uri
from evergreen.registry.nights import NightStore
from evergreen.settings import Settings
from evergreen.tables.day_table import DayTable

MODEL = "shop"
DAYS = [date(2024, 1, day) for day in (1, 2, 3)]


def run_sql(url, statement):
    with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        connection.execute(text(statement))


@pytest.fixture
def empty_database(postgresql):
    url, name = make_url(postgresql), f"evergreen_{os.urandom(4).hex()}"
    run_sql(url, f"CREATE DATABASE {name}")
    return url.set(database=name).render_as_string(hide_password=False)


def test_stores_come_back_from_a_folder_or_a_bucket(store, tmp_path, monkeypatch):
    places = {
        f"{name}_uri": join_uri(store.root, "kept", name) for name in ("tables", "artifacts", "results", "reports", "landing")
    }
    settings = Settings(home=tmp_path / "home", s3_endpoint_url=store.s3_endpoint_url, **places)
    files = Files.from_settings(settings)
    NightStore(settings.database_url).release_day(MODEL, DAYS[0], "somebody", "it was sound")
    table = DayTable(join_uri(settings.tables_uri, MODEL, "raw", "orders"), files)
    for amount, day in enumerate(DAYS):
        table.write_days({day: pa.table({"amount": [amount]})})
    before = [table.read(version) for version in range(3)]
    files.write_bytes(join_uri(settings.artifacts_uri, MODEL, "bundles", "abc", "manifest.json"), b"{}")
    make_backup(settings, tmp_path / "backups")
    assert make_backup(settings, tmp_path / "backups").copied_files <= 9
    with pytest.raises(RequestError, match="something is there already"):
        restore_backup(settings, tmp_path / "backups")
    settings.home.rename(tmp_path / "lost")
    for place in places.values():
        for info in files.list(place):
            files.remove(info.uri)
    remove_empty(tmp_path / "kept")
    restore_backup(settings, tmp_path / "backups")
    assert [table.read(version) for version in range(3)] == before
    assert files.read_bytes(join_uri(settings.artifacts_uri, MODEL, "bundles", "abc", "manifest.json")) == b"{}"
    assert NightStore(settings.database_url).readmitted(MODEL) == (DAYS[0],)


def remove_empty(root):
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir()


def test_a_postgresql_database_comes_back_whole_and_never_over_another(empty_database, tmp_path):
    settings = Settings(home=tmp_path / "home", database_url=empty_database)
    # As a server of MLflow's on the same database would name it; the driver is not installed here.
    server = settings.model_copy(update={"mlflow_tracking_uri": empty_database.replace("psycopg", "psycopg2")})
    store = NightStore(settings.database_url)
    store.release_day(MODEL, DAYS[0], "somebody", "it was sound")
    assert set(make_backup(server, tmp_path / "backups").manifest.databases) == {"registry"}
    store.release_day(MODEL, DAYS[1], "somebody", "after the backup")
    with pytest.raises(RequestError, match="something is there already") as told:
        restore_backup(settings, tmp_path / "backups")
    assert "somebody" not in str(told.value)
    run_sql(empty_database, "DROP SCHEMA public CASCADE")
    run_sql(empty_database, "CREATE SCHEMA public")
    restore_backup(settings, tmp_path / "backups")
    assert store.readmitted(MODEL) == (DAYS[0],)
    # The rows are guarded as before.
    with pytest.raises(Exception, match="append-only"):
        run_sql(empty_database, "DELETE FROM evergreen_released_days")
