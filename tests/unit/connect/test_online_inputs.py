"""The gateway can answer with the champion, and with the release that a rollback brings back."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.connect.champion import publish_for_challenger, publish_online_inputs
from evergreen.connect.run import Run
from evergreen.errors import FeatureError, UndecidedError
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.registry.rollouts import RolloutStore
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


def try_out(run, challenger):
    store = RolloutStore(run.settings.database_url)
    store.begin_step(
        model="shops",
        rollout_id=challenger.decision_id,
        mode="shadow",
        version=challenger.version,
        champion_version="1",
        step=1,
        steps=1,
        share=1.0,
        key=(),
        actor="test",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    return store


def test_a_challenger_is_prepared_before_its_trial(world, run):
    release(world, 1)
    challenger = release(world, 2, source=OTHER, promoted=False)
    published = publish_for_challenger(run, world.validated(NIGHT), "2")
    assert (published.release_version, published.published) == ("2", True)
    assert published_keys(run) == {published.features_key}
    assert challenger.version == "2"


@pytest.mark.parametrize(("version", "error"), [("2", FeatureError), ("3", UndecidedError)])
def test_a_challenger_that_cannot_be_prepared_is_not_tried_out(world, run, version, error):
    release(world, 1)
    release(world, 2, source=BROKEN, promoted=False)
    with pytest.raises(error):
        publish_for_challenger(run, world.validated(NIGHT), version)
    assert published_keys(run) == set()


def test_a_night_goes_on_publishing_for_a_challenger_while_it_is_on_trial(world, run):
    champion = release(world, 1)
    challenger = release(world, 2, source=OTHER, promoted=False)
    own = publish_online_inputs(run, world.validated(NIGHT), champion)
    assert published_keys(run) == {own.features_key}
    store = try_out(run, challenger)
    publish_online_inputs(run, world.validated(NIGHT), champion)
    assert len(published_keys(run)) == 2
    store.roll_back("shops", challenger.decision_id, reasons=("odd",), actor="test")
    later = datetime(2024, 3, 7, 3, tzinfo=UTC)
    tomorrow = Run(run.definition, run.settings, later, force=False, dry_run=False, reason="test", run_id="2")
    publish_online_inputs(tomorrow, world.validated(later), champion)
    newest = {version.features_key: version.as_of for version in OnlineVersionStore(run.settings.database_url).newest_all()}
    assert newest == {own.features_key: later} | dict.fromkeys(set(newest) - {own.features_key}, NIGHT)


def test_that_a_challenger_can_no_longer_be_prepared_is_told_and_stops_nothing(world, run, caplog):
    champion = release(world, 1)
    try_out(run, release(world, 2, source=BROKEN, promoted=False))
    with caplog.at_level(logging.WARNING):
        published = publish_online_inputs(run, world.validated(NIGHT), champion)
    assert published_keys(run) == {published.features_key}
    assert "shops: version 2 is not prepared for its trial" in caplog.text
