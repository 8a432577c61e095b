"""Secrets in settings: never shown, and refused where they could not be told from what is shown."""

import pytest

from evergreen.errors import SettingsError
from evergreen.registry.database import Database
from evergreen.settings import Settings, shown_address

CANARY = "canary-7c1f"


def test_settings_do_not_show_their_secrets(tmp_path):
    settings = Settings(
        home=tmp_path,
        database_url=f"postgresql://ev:{CANARY}@db/x",
        mlflow_tracking_uri=f"postgresql://ev:{CANARY}@db/y",
        hash_key=CANARY,
        gateway_key=CANARY,
    )
    for text in (repr(settings), str(settings), f"{settings}", repr([settings])):
        assert CANARY not in text
        assert "spool_mb" in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql+psycopg://ev:{CANARY}@db:5432/x", "postgresql+psycopg://ev:***@db:5432/x"),
        (f"postgresql://ev:{CANARY}%40%2F@db/x?sslmode=require", "postgresql://ev:***@db/x?…"),
        (f"postgresql://db/x?user=ev&password={CANARY}", "postgresql://db/x?…"),
        (f"postgresql://ev:one@{CANARY}@db/x", "postgresql://ev:***@db/x"),
        (f"postgresql://ev:one/{CANARY}@db/x", "postgresql://ev:***@db/x"),
        (f"https://{CANARY}:@mlflow", f"https://{CANARY}:***@mlflow"),
        ("postgresql://ev@db/x", "postgresql://ev@db/x"),
        ("sqlite:////srv/a@b/x.db", "sqlite:////srv/a@b/x.db"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_what_is_shown_of_an_address(url, shown):
    assert shown_address(url) == shown


@pytest.mark.parametrize(
    "address",
    [
        f"ev:one@{CANARY}@db/x",
        f"ev:one/{CANARY}@db/x",
        f"ev:x@db:{CANARY}/x",
        f"db/x?user=ev&password={CANARY}",
        f"db/x?sslpassword={CANARY}",
    ],
)
@pytest.mark.parametrize("name", ["database_url", "mlflow_tracking_uri"])
def test_a_password_that_could_not_be_told_from_the_rest_is_refused_unseen(tmp_path, name, address):
    with pytest.raises(SettingsError, match="cannot be taken apart safely") as refused:
        Settings(home=tmp_path, **{name: f"postgresql://{address}"})
    assert CANARY not in str(refused.value)
    assert name.upper() in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ev:one%40two@db:5432/x?connect_timeout=2",
        "postgresql+psycopg://ev:one@[::1]:5432/x",
        "postgresql:///x?host=/run/postgresql",
        "sqlite:////srv/a@b/x.db",
    ],
)
def test_other_addresses_are_taken_as_they_are(tmp_path, url):
    assert Settings(home=tmp_path, database_url=url).database_url == url


@pytest.mark.parametrize("name", ["mlflow_tracking_uri", "mlflow_ui_url", "s3_endpoint_url"])
def test_an_address_that_others_repeat_holds_no_password(tmp_path, name):
    with pytest.raises(SettingsError, match="holds a name or a password") as refused:
        Settings(home=tmp_path, **{name: f"http://ev:{CANARY}@host:5000/path"})
    assert CANARY not in str(refused.value)


def test_a_database_address_is_shown_without_its_query(tmp_path):
    assert CANARY not in Database(f"postgresql://db/x?password={CANARY}").address
    assert CANARY not in Database(f"postgresql://ev:{CANARY}@db/x").address
