"""The gateway can answer with the champion, and with the release that a rollback brings back."""

import logging
from datetime import UTC, datetime

import pytest

from evergreen.connect.champion import publish_online_inputs
from evergreen.connect.run import Run
from evergreen.errors import FeatureError
from evergreen.registry.online_versions import OnlineVersionStore
from shop_world import SOURCE, definition, release, world

__all__ = ["definition", "world"]

NIGHT = datetime(2024, 3, 6, 3, tzinfo=UTC)
OTHER = SOURCE.replace('("spent", "mean")', '("spent", "max")')
BROKEN = SOURCE.replace('joined["at"].dt.hour', 'joined["gone"]')


@pytest.fixture
def run(world):
    return Run(world.definition, world.settings, NIGHT, force=False, dry_run=False, reason="test", run_id="1")


def published_keys(run):
    return {version.features_key for version in OnlineVersionStore(run.settings.database_url).newest_all()}


def test_the_first_release_is_published_alone(world, run):
    published = publish_online_inputs(run, world.validated(NIGHT), release(world))
    assert published.published
    assert published_keys(run) == {published.features_key}


def test_the_release_before_is_prepared_for_a_rollback(world, run):
    release(world, 1, source=OTHER)
    champion = release(world, 2)
    published = publish_online_inputs(run, world.validated(NIGHT), champion)
    assert (published.release_version, published.published) == ("2", True)
    assert len(published_keys(run)) == 2


def test_that_the_release_before_cannot_be_prepared_is_told_and_stops_nothing(world, run, caplog):
    release(world, 1, source=BROKEN)
    champion = release(world, 2)
    with caplog.at_level(logging.WARNING):
        published = publish_online_inputs(run, world.validated(NIGHT), champion)
    assert published_keys(run) == {published.features_key}
    assert "shops: version 1 is not prepared for a rollback: `row_features` raised KeyError" in caplog.text


def test_that_the_champion_cannot_be_prepared_is_an_error(world, run):
    release(world, 1)
    champion = release(world, 2, source=BROKEN)
    with pytest.raises(FeatureError):
        publish_online_inputs(run, world.validated(NIGHT), champion)
    assert published_keys(run) == set()
