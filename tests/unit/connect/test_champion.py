"""Which features a champion is judged and scored with, when only model.yaml has changed since its release."""

from datetime import UTC, date, datetime, timedelta

import pytest

from evergreen.connect.champion import features_to_judge, features_to_score
from evergreen.connect.run import Run
from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.settings import Settings
from released_models import SOURCE, a_bundle, a_definition, a_feature_set, a_frame, judge, release_without_mlflow

AS_OF = datetime(2013, 3, 5, 7, tzinfo=UTC)
SHORTER = {"features": {"history": "3d"}}
EARLIER = {"data": {**a_definition().data.model_dump(mode="json"), "predict_before": "2h"}}
LATER_CODE = "def row_features(rows, entities):\n    return rows[['distance']]\n"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def champion(settings):
    return release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "logistic_regression")))


@pytest.fixture
def run(settings):
    def make(source=SOURCE, **changes):
        definition = a_definition(**changes)
        definition._folder = settings.home
        (settings.home / "features.py").write_text(source)
        return Run(definition, settings, AS_OF, force=False, dry_run=False, reason="test", run_id="1")

    return make


@pytest.fixture
def own(settings):
    """The challenger's features, as today's definition builds them."""

    def make(run, excluded_days=()):
        layout = FeatureLayout.of(run.definition)
        made = a_feature_set(settings, a_frame(), source=(settings.home / "features.py").read_text())
        return made.model_copy(update={"layout_digest": layout.digest, "excluded_days": excluded_days})

    return make


@pytest.fixture
def asked(monkeypatch):
    """What `build_features` was asked for, in place of building."""
    calls = []
    monkeypatch.setattr(
        "evergreen.stages.build_features.build_features",
        lambda definition, validated, settings, **how: calls.append({"definition": definition, **how}) or "features",
    )
    return calls


@pytest.mark.parametrize("change", [SHORTER, EARLIER])
def test_a_changed_model_yaml_alone_is_judged_by_the_released_layout(run, own, champion, asked, change):
    today = run(**change)
    assert features_to_judge(today, None, own(today), champion) == "features"
    (how,) = asked
    assert how["layout"] == FeatureLayout.of(a_definition())
    assert how["code"].source == SOURCE
    assert how["definition"] is today.definition


@pytest.mark.parametrize("change", [SHORTER, EARLIER])
def test_a_changed_model_yaml_alone_is_scored_by_the_released_layout(run, champion, asked, change):
    assert features_to_score(run(**change), None, champion) == "features"
    (how,) = asked
    assert how["layout"] == FeatureLayout.of(a_definition())
    assert how["first_day"] == date(2013, 3, 2) - a_definition().schedule.catch_up


def test_changed_code_is_judged_and_scored_by_the_released_code_and_layout(run, own, champion, asked):
    today = run(source=LATER_CODE)
    features_to_judge(today, None, own(today), champion)
    features_to_score(today, None, champion)
    assert [how["code"].source for how in asked] == [SOURCE, SOURCE]
    assert [how["layout"] for how in asked] == [FeatureLayout.of(a_definition())] * 2


def test_nothing_changed_and_nothing_is_built_twice(run, own, champion, asked):
    today = run(gate={"slices": [{"by": "carrier"}]}, training={"seed": 7})
    assert features_to_judge(today, None, own(today), champion) is None
    assert asked == []
    features_to_score(today, None, champion)
    (how,) = asked
    assert "layout" not in how


def test_without_a_champion_there_is_nothing_to_build(run, own, asked):
    today = run()
    assert features_to_judge(today, None, own(today), None) is None
    assert asked == []


def test_days_set_aside_are_set_aside_for_both(run, own, champion, asked):
    today = run(**SHORTER)
    features_to_judge(today, None, own(today, excluded_days=(date(2013, 3, 2),)), champion)
    assert asked[0]["excluded_days"] == (date(2013, 3, 2),)


def test_the_whole_holdout_is_built(run, own, champion, asked):
    today = run(**SHORTER)
    features = own(today)
    features_to_judge(today, None, features, champion)
    assert asked[0]["first_day"] <= today.definition.holdout_start(features.last_day).date() - timedelta(days=1)
