"""The newest night counts, of a night what was published last; and nothing is ever changed."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.schema import SCHEMA_VERSION
from evergreen.settings import Settings

NIGHT = datetime(2024, 3, 3, 8, tzinfo=UTC)


def a_version(digest="a", *, days=0, **changes):
    values = {
        "model": "shops",
        "features_key": "k" * 32,
        "as_of": NIGHT + timedelta(days=days),
        "uri": f"/online/{digest}",
        "digest": digest * 32,
        "published_at": datetime(2024, 3, 3, 9, 0, 0, 123456, tzinfo=UTC),
    }
    return OnlineInputsVersion.model_validate(values | changes)


@pytest.fixture
def store(tmp_path):
    return OnlineVersionStore(f"sqlite:///{tmp_path / 'evergreen.db'}")


def test_a_publication_comes_back_as_it_went_in(store):
    assert store.newest("shops", "k" * 32) is None
    assert store.newest_all() == []
    assert store.publish(a_version())
    assert store.newest("shops", "k" * 32) == a_version()
    assert store.newest("other", "k" * 32) is None
    assert store.newest("shops", "o" * 32) is None


def test_the_same_inputs_are_published_once(store):
    assert store.publish(a_version())
    assert not store.publish(a_version(published_at=datetime(2024, 3, 4, tzinfo=UTC)))
    assert store.newest("shops", "k" * 32) == a_version()


def test_an_older_night_does_not_replace_a_newer_one(store):
    assert store.publish(a_version("b", days=1))
    assert store.publish(a_version("a"))
    assert store.newest("shops", "k" * 32).digest == "b" * 32


def test_corrected_and_corrected_back(store):
    for revision, digest in enumerate("aba", start=1):
        assert store.publish(a_version(digest))
        assert store.newest("shops", "k" * 32) == a_version(digest, revision=revision)


def test_the_newest_of_all(store):
    wanted = []
    for model in ("a", "b"):
        for key in ("1", "2"):
            for days in (1, 0, 2):
                store.publish(a_version(model=model, features_key=key, days=days))
            store.publish(a_version("z", model=model, features_key=key, days=2))
            wanted.append(a_version("z", model=model, features_key=key, days=2, revision=2))
    assert store.newest_all() == wanted


def test_many_at_once_publish_each_once(store):
    start, added = threading.Barrier(8), []

    def run(number):
        start.wait()
        added.append(store.publish(a_version("abcd"[number % 4])))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == 8
    assert sum(added) == store.newest("shops", "k" * 32).revision >= 4


@pytest.mark.parametrize(
    "statement", ["UPDATE evergreen_online_versions SET uri = 'x'", "DELETE FROM evergreen_online_versions"]
)
def test_the_database_refuses_to_change_it(store, tmp_path, statement):
    store.publish(a_version())
    engine = create_engine(f"sqlite:///{tmp_path / 'evergreen.db'}")
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_database_of_version_2_is_brought_up_to_date(tmp_path):
    url = Settings(home=tmp_path).database_url
    OnlineVersionStore(url).newest_all()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE evergreen_online_versions"))
        connection.execute(text("UPDATE evergreen_schema SET version = 2"))
    assert ReleaseRegistry(Settings(home=tmp_path)).champion("shops") is None
    assert OnlineVersionStore(url).publish(a_version())
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version FROM evergreen_schema")).scalars().all() == [SCHEMA_VERSION]
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM evergreen_online_versions"))
    engine.dispose()
