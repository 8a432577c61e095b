import pytest
import yaml

from evergreen.errors import RequestError
from evergreen.registry.rollouts import RolloutStore
from evergreen.results import Outcome
from evergreen.settings import Settings
from evergreen.stages.release import rollback
from evergreen.status.pages import model_page, models_page
from released_models import MODEL, SOURCE, a_bundle, a_definition, judge, release_without_mlflow
from rollout_world import RolloutWorld


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "models" / MODEL
    folder.mkdir(parents=True)
    definition = a_definition(title="<b>late?</b>").model_dump(mode="json", exclude_defaults=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(definition))
    (folder / "features.py").write_text(SOURCE)
    return Settings(home=tmp_path / "home", definitions_dir=tmp_path / "models")


def test_before_the_first_night(settings):
    assert "none yet" in models_page(settings)
    assert "None yet." in model_page(settings, MODEL)


def test_the_story_of_a_model(settings, caplog):
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline", seed=2), against="1"))
    judge(settings, a_bundle(settings, "baseline", seed=3), against="2", outcome=Outcome.KEEP)
    rollback(a_definition(), settings, "false <alarms>", actor="ada")
    page = model_page(settings, MODEL)
    for words in ("version 1", "rollback to version 1", "false &lt;alarms&gt;", "ada", "keep", "better than what there was"):
        assert words in page
    assert "&lt;b&gt;late?&lt;/b&gt;" in page
    assert "<b>late?" not in page
    assert "http" not in page.split("</head>")[1]
    assert f'href="models/{MODEL}"' in models_page(settings)


def test_long_reasons_are_folded_after_the_third(settings):
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    release_without_mlflow(settings, 2, judge(settings, a_bundle(settings, "baseline", seed=2), against="1"))
    rollback(a_definition(), settings, "One is 0.5. Two <b>. Three. Four. Five.", actor="ada")
    page = model_page(settings, MODEL)
    shown, folded = page.split("Three.")
    assert "One is 0.5. Two &lt;b&gt;. " in shown
    assert "<summary" in folded.split("Four. Five.")[0]
    assert "and 2 more" in folded


def test_a_challenger_on_trial(settings):
    world = RolloutWorld(settings, MODEL)
    world.release(1, None)
    world.register(2, "1")
    world.begin(2)
    RolloutStore(settings.database_url).pause(MODEL, reason="after <lunch>", actor="ada")
    page = model_page(settings, MODEL)
    for words in (
        "version 2 answers 5 % of the callers, canary step 1 of 3, since",
        "paused by ada: after &lt;lunch&gt;",
        "paused at step 1 of 3",
        "canary step 1 of 3: version 2 answers 5 % of the callers",
    ):
        assert words in page
    assert "on trial: version 2" in models_page(settings)
    RolloutStore(settings.database_url).roll_back(MODEL, world.decide(2, "1"), reasons=("it failed",))
    page = model_page(settings, MODEL)
    assert "On trial" not in page
    assert "trial of version 2 over: taken back at step 1 of 3" in page
    assert "on trial" not in models_page(settings)


def test_an_unknown_model_is_named(settings):
    with pytest.raises(RequestError, match=MODEL):
        model_page(settings, "../../etc")
