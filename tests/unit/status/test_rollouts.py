"""Where a rollout stands, in one line; and releases and rollouts in one history."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evergreen.settings import Settings
from evergreen.status.queries import model_status
from evergreen.status.rollouts import release_history, rollout_standing, standing_in_words
from released_models import a_definition
from rollout_world import RolloutWorld

SINCE = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def world(tmp_path):
    world = RolloutWorld(Settings(home=tmp_path / "home"))
    world.release(1, None)
    world.register(2, "1")
    return world


def in_words(event, **changes):
    return standing_in_words(event.model_copy(update=changes), SINCE, datetime.now(UTC))


def test_before_anybody_wrote_looking_makes_nothing(tmp_path):
    settings = Settings(home=tmp_path / "home")
    assert rollout_standing(settings, "flights") == (None, None)
    assert release_history(settings, "flights", last=5) == ()
    assert not Path(settings.home).exists()


def test_without_a_rollout(world):
    status = model_status(world.settings, a_definition())
    assert (status.rollout, status.rollout_since) == (None, None)


def test_a_step_is_as_old_as_its_beginning_however_often_it_was_paused(world):
    world.begin(2)
    begun = world.begin(2, 2)
    paused = world.store.pause("flights", reason="wait")
    status = model_status(world.settings, a_definition())
    assert (status.rollout, status.rollout_since) == (paused, begun.happened_at)
    world.store.resume("flights", reason="go on")
    assert rollout_standing(world.settings, "flights")[1] == begun.happened_at


def test_each_kind_in_words(world):
    event = world.begin(2)
    assert in_words(event) == "version 2 answers 5 % of the callers, canary step 1 of 3, since 2026-03-01 12:30 UTC"
    whole = {"mode": "blue_green", "share": 1.0, "steps": 1}
    assert in_words(event, **whole) == "version 2 answers all callers, blue/green step 1 of 1, since 2026-03-01 12:30 UTC"
    shadow = {"mode": "shadow", "share": 0.125, "steps": 1}
    assert in_words(event, **shadow).startswith("version 2 answers 12.5 % of the callers unseen, shadow step 1 of 1")
    paused = {"action": "pause", "actor": "ada", "reasons": ("lunch", "and coffee")}
    assert in_words(event, **paused).endswith("UTC; paused by ada: lunch; and coffee")


def test_one_that_nobody_watches_any_more(world):
    event = world.begin(2, lasts=timedelta(seconds=-1))
    assert "expired at" in in_words(event)
    assert "the champion answers alone" in in_words(event)


def test_releases_and_rollouts_together_newest_first(world):
    begun = world.begin(2)
    world.store.pause("flights", reason="wait", actor="ada")
    world.store.resume("flights", reason="go on", actor="bob")
    world.registry.promote("flights", "2", begun.rollout_id, "1", rollout="canary", actor="night")
    world.registry.rollback("flights", "complaints", actor="ada")
    found = release_history(world.settings, "flights", last=20)
    assert [(each.kind, each.action, each.actor) for each in found] == [
        ("release", "rollback", "ada"),
        ("rollout", "promoted", "night"),
        ("release", "promote", "night"),
        ("rollout", "resume", "bob"),
        ("rollout", "pause", "ada"),
        ("rollout", "step", "training"),
        ("release", "promote", "night"),
    ]
    assert found[0].what == "rollback to version 1 from version 2"
    assert found[2].what == "promote to version 2 from version 1 after a canary rollout"
    assert (found[4].what, found[4].why) == ("paused at step 1 of 3", "wait")
    assert release_history(world.settings, "flights", last=3) == found[:3]


def test_what_a_step_was_decided_on_is_linked(world):
    for step in (1, 2):
        begun = world.begin(2, step)
    world.store.roll_back("flights", begun.rollout_id, reasons=("too slow",), evidence_uri="/e", evidence_digest="d")
    world.register(3, "1")
    world.begin(3)
    by_hand = world.store.roll_back("flights", world.decide(3, "1"), reasons=("nonsense",))
    pages = [each.report_uri.rpartition("/rollout/")[2] for each in release_history(world.settings, "flights", last=9)]
    # By hand nothing is decided on, and nothing was before the first step.
    assert by_hand.evidence_uri == ""
    assert pages == ["", "", f"{begun.rollout_id}-2.html", f"{begun.rollout_id}-1.html", "", ""]
