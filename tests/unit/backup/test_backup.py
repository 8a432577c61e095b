import json
import os
import sqlite3
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from evergreen.backup.making import make_backup
from evergreen.backup.manifest import manifest_names, read_manifest
from evergreen.backup.objects import Objects
from evergreen.backup.restoring import restore_backup
from evergreen.errors import DigestMismatchError, RequestError
from evergreen.files import Files
from evergreen.registry.nights import NightStore
from evergreen.settings import Settings
from evergreen.tables.day_table import DayTable

MODEL = "shop"
DAYS = [date(2024, 1, 1), date(2024, 1, 2)]


@pytest.fixture
def settings(tmp_path):
    """A home with one of each: a database, a table of two versions, a bundle, a result, a page, a landing file."""
    found = Settings(home=tmp_path / "home")
    NightStore(found.database_url).release_day(MODEL, DAYS[0], "somebody", "it was sound")
    table = DayTable(f"{found.tables_uri}/{MODEL}/raw/orders", Files())
    for amount, day in enumerate(DAYS):
        table.write_days({day: pa.table({"amount": [amount]})})
    write(Path(found.artifacts_uri) / MODEL / "bundles" / "abc" / "manifest.json", "{}")
    write(Path(found.artifacts_uri) / MODEL / "bundles" / "abc" / "model.json", "model")
    write(Path(found.results_uri) / MODEL / "train" / "key.json", "{}")
    write(Path(found.reports_uri) / MODEL / "gate" / "page.html", "page")
    write(Path(found.landing_uri) / MODEL / "orders" / "2024-01-01.parquet", "rows")
    write(found.home / "gateway" / "spool" / "worker" / MODEL / "00000001.closed", "answers")
    (found.home / "gateway" / "spool").chmod(0o700)
    write(found.home / "alerts.jsonl", "{}\n")
    write(found.home / "secrets.json", "nobody's business")
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def contents(root):
    """Every file's bytes by path; a database's rows instead, whose header counts its openings."""
    return {
        str(path.relative_to(root)): rows(path) if path.suffix == ".db" else path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def rows(path):
    return list(sqlite3.connect(path).iterdump())


def lose(settings):
    settings.home.rename(settings.home.with_name(f"lost-{time.monotonic_ns()}"))


def test_what_was_there_comes_back_and_secrets_do_not(settings, folder):
    before = contents(settings.home)
    make_backup(settings, folder)
    lose(settings)
    restored = restore_backup(settings, folder)
    assert contents(settings.home) == {name: data for name, data in before.items() if name != "secrets.json"}
    assert restored.files == len(before) - 2
    assert (settings.home / "gateway" / "spool").stat().st_mode & 0o077 == 0
    assert [path.name for path in settings.home.parent.iterdir() if path.name.startswith(".")] == []


def test_a_second_backup_copies_only_what_is_new(settings, folder, monkeypatch):
    for path in settings.home.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    first = make_backup(settings, folder)
    write(Path(settings.reports_uri) / MODEL / "gate" / "another.html", "another")
    second = make_backup(settings, folder)
    assert (first.copied_files > 5, second.copied_files) == (True, 1)
    assert manifest_names(folder) == [first.name, second.name]


def test_a_file_written_in_the_moment_of_a_backup_is_read_again(settings, folder):
    page = Path(settings.reports_uri) / MODEL / "gate" / "page.html"
    make_backup(settings, folder)
    told = page.stat().st_mtime_ns
    page.write_text("gaep")
    os.utime(page, ns=(told, told))  # as a store whose clock is coarse would say
    make_backup(settings, folder)
    lose(settings)
    restore_backup(settings, folder)
    assert page.read_text() == "gaep"


def test_a_restore_says_which_definitions_are_not_those_of_then(settings, folder, tmp_path):
    made = make_backup(settings, folder)
    path = folder / "backups" / f"{made.name}.json"
    assert restored_again(settings, folder).other_definitions == ()
    changed = json.loads(path.read_text()) | {"definitions": {"flight_delays": "0" * 32, "gone": "0" * 32}}
    path.write_text(json.dumps(changed))
    assert restored_again(settings, folder).other_definitions == ("flight_delays", "gone")


def restored_again(settings, folder):
    lose(settings)
    return restore_backup(settings, folder)


def test_an_earlier_backup_comes_back_by_its_moment(settings, folder):
    page = Path(settings.reports_uri) / MODEL / "gate" / "page.html"
    first = make_backup(settings, folder)
    page.write_text("a later page")
    make_backup(settings, folder)
    lose(settings)
    restore_backup(settings, folder, first.name)
    assert page.read_text() == "page"


def test_nothing_that_is_there_is_overwritten(settings, folder):
    make_backup(settings, folder)
    with pytest.raises(RequestError, match="something is there already"):
        restore_backup(settings, folder)
    lose(settings)
    write(settings.home / "evergreen.db-wal", "of a database that is gone")
    with pytest.raises(RequestError, match=r"evergreen\.db-wal"):
        restore_backup(settings, folder)


def test_a_backup_goes_back_to_its_own_addresses_alone(settings, folder, tmp_path):
    make_backup(settings, folder)
    with pytest.raises(RequestError, match="belongs elsewhere"):
        restore_backup(Settings(home=tmp_path / "another"), folder)
    assert not (tmp_path / "another").exists()


def test_a_home_moves_behind_a_link(settings, folder, tmp_path):
    make_backup(settings, folder)
    lose(settings)
    (tmp_path / "larger-disk").mkdir()
    settings.home.symlink_to(tmp_path / "larger-disk")
    restore_backup(Settings(home=settings.home), folder)
    assert (settings.home / "evergreen.db").is_file()


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_backup_restores_nothing(settings, folder, damage):
    made = make_backup(settings, folder)
    lose(settings)
    path = Objects(folder).path(sorted(made.manifest.digests)[-1])
    path.write_bytes(b"other bytes") if damage == "changed" else path.unlink()
    with pytest.raises(DigestMismatchError, match="nothing was restored"):
        restore_backup(settings, folder)
    assert not settings.home.exists()


def test_a_backup_of_a_later_version_is_not_taken_for_one_of_ours(settings, folder):
    made = make_backup(settings, folder)
    path = folder / "backups" / f"{made.name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    lose(settings)
    with pytest.raises(RequestError, match="later version"):
        restore_backup(settings, folder)


def test_a_backup_within_what_it_copies_is_refused(settings):
    with pytest.raises(RequestError, match="within what it copies"):
        make_backup(settings, settings.home / "backups")


def test_unfinished_files_and_commits_behind_a_gap_are_left_out(settings, folder):
    log = Path(settings.tables_uri) / MODEL / "raw" / "orders" / "_delta_log"
    write(log / "_last_checkpoint", "{}")
    write(log / ".tmp-1", "half")
    write(log / f"{3:020d}.json", "the listing has missed version 2")
    made = make_backup(settings, folder)
    copied = [path.rpartition("/")[2] for path in made.manifest.files["tables"] if "_delta_log" in path]
    assert copied == [f"{0:020d}.json", f"{1:020d}.json"]


def test_stores_elsewhere_come_back_too_and_a_landing_zone_that_is_there_stays(tmp_path, folder):
    settings = Settings(
        home=tmp_path / "home",
        tables_uri=str(tmp_path / "disk" / "tables"),
        landing_uri=str(tmp_path / "upstream"),
        database_url=f"sqlite:///{tmp_path}/databases/registry.db",
    )
    (tmp_path / "databases").mkdir()
    NightStore(settings.database_url).release_day(MODEL, DAYS[0], "somebody", "it was sound")
    write(tmp_path / "disk" / "tables" / MODEL / "file", "rows")
    write(tmp_path / "upstream" / MODEL / "file", "then")
    write(tmp_path / "home" / "alerts.jsonl", "{}\n")
    make_backup(settings, folder)
    for name in ("home", "disk", "databases"):
        (tmp_path / name).rename(tmp_path / f"lost-{name}")
    write(tmp_path / "upstream" / MODEL / "file", "now")
    restore_backup(settings, folder)
    assert (tmp_path / "disk" / "tables" / MODEL / "file").read_text() == "rows"
    assert (tmp_path / "upstream" / MODEL / "file").read_text() == "now"
    assert NightStore(settings.database_url).readmitted(MODEL) == (DAYS[0],)


def test_the_manifest_says_when_from_where_and_by_which_schema(settings, folder):
    started = datetime.now(UTC).replace(microsecond=0)
    made = make_backup(settings, folder)
    manifest = read_manifest(folder)
    assert manifest == made.manifest
    assert started <= manifest.made_at <= datetime.now(UTC)
    assert manifest.addresses["tables"] == settings.tables_uri
    assert manifest.schema_version is not None
    assert set(manifest.definitions) == {"flight_delays"}
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}


def test_a_folder_that_is_no_backup_is_said_to_be_none(settings, tmp_path):
    with pytest.raises(RequestError, match="no such backup"):
        restore_backup(settings, tmp_path)


def test_mlflow_behind_a_server_must_be_named(tmp_path, folder):
    with pytest.raises(RequestError, match="behind a server"):
        make_backup(Settings(home=tmp_path / "home", mlflow_tracking_uri="http://127.0.0.1:9"), folder)
