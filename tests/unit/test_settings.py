import pickle
from pathlib import Path

import pytest

from evergreen.errors import SettingsError
from evergreen.settings import PROJECT_ROOT, Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("EVERGREEN_")]:
        monkeypatch.delenv(name)


def test_with_nothing_set_everything_lives_beside_the_project():
    settings = Settings()
    assert settings.home == PROJECT_ROOT / ".evergreen"
    assert settings.tables_uri == str(PROJECT_ROOT / ".evergreen" / "tables")
    assert settings.database_url == f"sqlite:///{PROJECT_ROOT / '.evergreen' / 'evergreen.db'}"


def test_one_variable_moves_everything_and_another_moves_one_thing(monkeypatch, tmp_path):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    monkeypatch.setenv("EVERGREEN_LANDING_URI", "s3://bucket/landing")
    settings = Settings()
    assert settings.results_uri == str(tmp_path / "results")
    assert settings.landing_uri == "s3://bucket/landing"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("THREADS", "many", "a whole number"),
        ("THREADS", "0", "greater than or equal to 1"),
        ("GATEWAY_OPEN", "maybe", "true or false"),
        ("TABLES_URI", "gs://bucket/tables", "allowed: a local path or s3://bucket/prefix"),
        ("GATEWAY_KEYS_FILE", "s3://bucket/keys", "allowed: a local path"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, name, value, allowed):
    monkeypatch.setenv(f"EVERGREEN_{name}", value)
    with pytest.raises(SettingsError, match=allowed) as caught:
        Settings()
    assert f"EVERGREEN_{name}='{value}'" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).found == caught.value.found


def test_an_address_of_the_database_that_is_none_is_named_and_not_shown(monkeypatch):
    monkeypatch.setenv("EVERGREEN_DATABASE_URL", "me:opensesame@host/database")
    with pytest.raises(SettingsError, match="EVERGREEN_DATABASE_URL") as caught:
        Settings()
    assert "postgresql+psycopg://" in caught.value.allowed
    assert "opensesame" not in str(caught.value)


def test_an_empty_variable_is_no_variable(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "DEFINITIONS_DIR", "THREADS", "TABLES_URI"):
        monkeypatch.setenv(f"EVERGREEN_{name}", "")
    assert Settings() == Settings.model_construct(**Settings(home=PROJECT_ROOT / ".evergreen").model_dump())


def test_settings_are_frozen_copied_and_pickled(tmp_path):
    settings = Settings(home=tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.threads = 2
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert isinstance(settings.home, Path)


def test_a_relative_address_means_the_same_from_every_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        landing_uri="landing", tables_uri="./tables/", artifacts_uri="s3://bucket/artifacts/", reports_uri="file:///r"
    )
    assert settings.landing_uri == str(tmp_path / "landing")
    assert settings.tables_uri == str(tmp_path / "tables")
    assert settings.artifacts_uri == "s3://bucket/artifacts"
    assert settings.reports_uri == "/r"
