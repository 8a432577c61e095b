"""What a training knows of the challenger that it tries out."""

from datetime import UTC, datetime, timedelta

import pytest

from evergreen.connect.alerts.incident import of_rollout
from evergreen.connect.run import Run
from evergreen.connect.trials import (
    as_ended,
    end_with_run,
    is_held_up,
    is_untried,
    of_first_release,
    of_forgotten_pause,
    stands,
    step_names,
    unseen,
)
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import ChampionVersion
from evergreen.settings import Settings
from released_models import AS_OF, MODEL, Nowhere, a_bundle, a_definition, judge, release_without_mlflow

CANARY = {"release": {"rollout": "canary"}}


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def run(settings):
    def make(**changes):
        return Run(a_definition(**changes), settings, AS_OF, force=False, dry_run=False, reason="test", run_id="r1")

    return make


@pytest.fixture
def judged(settings):
    """Version 1 is champion, version 2 registered and judged against it."""
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "logistic_regression", seed=1)))
    judged = judge(settings, a_bundle(settings, "logistic_regression", seed=2), against="1")
    candidate = judged.candidate
    ReleaseRegistry(settings, mirror=Nowhere()).register(
        ChampionVersion(
            model=MODEL,
            version="2",
            bundle_uri=candidate.bundle_uri,
            bundle_digest=candidate.bundle_digest,
            decision_id=judged.record.id,
            mlflow_run_id="",
            trained_through=candidate.trained_through,
            features_source_digest="f",
        )
    )
    return judged


def begin(settings, judged, step=1, *, expires=timedelta(hours=1)):
    return RolloutStore(settings.database_url).begin_step(
        model=MODEL,
        rollout_id=judged.record.id,
        mode="canary",
        version="2",
        champion_version="1",
        step=step,
        steps=3,
        share=(0.05, 0.25, 1.0)[step - 1],
        key=(),
        actor="test",
        expires_at=datetime.now(UTC) + expires,
    )


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ({}, ()),
        ({"rollout": "direct"}, ()),
        ({"rollout": "shadow"}, ("shadow",)),
        ({"rollout": "blue_green"}, ("blue_green",)),
        ({"rollout": "canary"}, ("canary_5_percent", "canary_25_percent", "canary_100_percent")),
        (
            {"rollout": "canary", "trial": {"steps": [{"share": 0.005}, {"share": 0.07}, {"share": 0.5}]}},
            ("canary_0_5_percent", "canary_7_percent", "canary_50_percent"),
        ),
        ({"rollout": "canary", "trial": {"steps": [{"share": 0.1}]}}, ("canary_10_percent",)),
        (
            {"rollout": "shadow", "trial": {"steps": [{"share": 0.1}, {"share": 1.0}]}},
            ("shadow_10_percent", "shadow_100_percent"),
        ),
    ],
)
def test_a_step_is_named_after_what_it_does(release, names):
    assert step_names(a_definition(release=release)) == names


def test_a_rollout_stands_where_its_last_event_is(settings, judged):
    assert stands(settings, MODEL, judged.record.id) is None
    began = begin(settings, judged)
    assert stands(settings, MODEL, judged.record.id) == began
    assert as_ended(began) is None


def test_that_somebody_else_ended_it_is_an_outcome_with_who_and_why(settings, judged):
    begin(settings, judged)
    ended = RolloutStore(settings.database_url).roll_back(MODEL, judged.record.id, reasons=("odd answers",), actor="viv@desk")
    look = as_ended(ended)
    assert (look.outcome, look.version, look.step) == ("rolled_back", "2", 1)
    assert look.reasons == ("odd answers", "by viv@desk")


def test_a_promotion_by_hand_is_an_outcome_as_well(settings, judged):
    begin(settings, judged)
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    registry.promote(MODEL, "2", judged.record.id, "1", rollout="canary", actor="viv")
    look = as_ended(stands(settings, MODEL, judged.record.id))
    assert look.outcome == "promoted"
    assert look.reasons[-1] == "by viv"


def test_it_is_held_up_while_paused_and_no_longer_than_the_trial(settings, judged):
    store = RolloutStore(settings.database_url)
    assert not is_held_up(settings, MODEL, judged.record.id)
    begin(settings, judged, expires=timedelta(seconds=30))
    assert not is_held_up(settings, MODEL, judged.record.id)
    paused = store.pause(MODEL, reason="wait for Monday", actor="viv")
    assert is_held_up(settings, MODEL, judged.record.id)
    assert "wait for Monday" in of_forgotten_pause(paused).reasons[0]
    assert of_forgotten_pause(paused).outcome == "roll_back"
    store.resume(MODEL, reason="Monday", actor="viv")
    assert not is_held_up(settings, MODEL, judged.record.id)


def test_the_first_champion_has_nobody_to_be_tried_beside(settings):
    first = judge(settings, a_bundle(settings, "baseline"))
    look = of_first_release(first.verdict, "1", 2)
    assert (look.outcome, look.step, look.requests) == ("pass", 2, 0)


def test_only_a_version_whose_steps_were_left_out_is_untried(run, settings, judged):
    verdict = judged.verdict
    assert is_untried(run(**CANARY), verdict)
    assert not is_untried(run(), verdict)
    assert not is_untried(run(**CANARY), verdict.model_copy(update={"champion_version": None}))
    begin(settings, judged)
    assert not is_untried(run(**CANARY), verdict)


def test_a_run_that_ends_takes_its_challenger_along(run, settings, judged):
    own = run(**CANARY)
    assert end_with_run(own, judged.verdict) is None
    begin(settings, judged)
    ended = end_with_run(own, judged.verdict)
    assert (ended.action, ended.actor) == ("rolled_back", own.actor)
    assert RolloutStore(settings.database_url).current(MODEL) is None
    assert end_with_run(own, judged.verdict) is None


def test_what_made_the_looks_fail_is_told_by_its_kind_alone():
    look = unseen(MODEL, "d" * 32, "2", 1, 312.4, ConnectionError("postgresql://user:secret@host"))
    assert look.outcome == "roll_back"
    assert "312 s: ConnectionError" in look.reasons[0]
    assert "secret" not in look.reasons[0]


def test_a_challenger_taken_back_is_told_of_once_and_a_passed_trial_ends_it():
    taken = of_rollout(MODEL, "2", ("too slow",), "/page")
    assert (taken.key, taken.state, taken.lines) == ("rollout", "warning", ("too slow",))
    assert taken.fingerprint == of_rollout(MODEL, "2", ("slower still",), "").fingerprint
    assert taken.fingerprint != of_rollout(MODEL, "3", ("too slow",), "/page").fingerprint
    assert of_rollout(MODEL, "3", None, "").state == "well"
