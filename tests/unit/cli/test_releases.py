"""The commands by which a person looks at releases and moves them."""

import pytest
import yaml
from typer.testing import CliRunner

from evergreen.cli import main
from evergreen.registry import releases
from evergreen.results import ChampionVersion, RegisteredVersion, SmokeTest
from evergreen.settings import Settings
from evergreen.tables.smoke_tests import keep_smoke_test
from released_models import MODEL, SOURCE, Nowhere, a_bundle, a_definition, judge, release_without_mlflow
from rollout_world import RolloutWorld

MEASURED = set(SmokeTest.model_fields) - {"registered"}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    folder = tmp_path / "models" / MODEL
    folder.mkdir(parents=True)
    definition = a_definition().model_dump(mode="json", exclude_defaults=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(definition))
    (folder / "features.py").write_text(SOURCE)
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(tmp_path / "models"))
    # MLflow only mirrors what happens here, and takes seconds for it.
    monkeypatch.setattr(releases, "MlflowAliases", lambda settings: Nowhere())
    return Settings(home=tmp_path / "home", definitions_dir=tmp_path / "models")


@pytest.fixture
def world(settings):
    """A champion, version 1, and a challenger on trial, version 2."""
    release_without_mlflow(settings, 1, judge(settings, a_bundle(settings, "baseline")))
    world = RolloutWorld(settings, MODEL)
    world.register(2, "1")
    world.begin(2)
    return world


def run(*command):
    result = CliRunner().invoke(main.app, list(command))
    return result.exit_code, " ".join(result.output.split())


def test_before_the_first_release(settings):
    assert run("releases", MODEL) == (0, f"{MODEL}: no release yet; run its training first")


def test_the_list_says_when_what_by_whom_and_why(world):
    world.store.pause(MODEL, reason="[lunch]", actor="ada")
    code, said = run("releases", MODEL)
    assert code == 0
    for words in ("paused at step 1 of 3", "ada", "[lunch]", "canary step 1 of 3", "promote to version 1", "when (UTC)"):
        assert words in said
    assert said.index("paused at") < said.index("canary step") < said.index("promote to")
    assert "promote to" not in run("releases", MODEL, "-n", "2")[1]


def test_a_long_reason_is_cut_to_its_beginning(world):
    world.store.pause(MODEL, reason="The gain is small. " + "And so on and so forth. " * 40, actor="ada")
    world.store.resume(MODEL, reason="endless " * 100, actor="bob")
    said = run("releases", MODEL)[1]
    assert "The gain is small. And so on" in said
    assert said.count("so forth") < 6
    assert said.count("endless") < 16
    assert said.count("…") == 2


def test_a_rollout_is_paused_resumed_and_taken_back(world):
    code, said = run("pause-rollout", MODEL, "--reason", "wait")
    assert code == 0
    assert said.startswith(f"{MODEL}: version 2 at step 1 of 3 is paused; it is taken back at ")
    assert run("pause-rollout", MODEL, "--resume", "--reason", "on") == (0, f"{MODEL}: version 2 at step 1 of 3 goes on")
    code, said = run("rollback", MODEL, "--reason", "nonsense")
    assert (code, said) == (0, f"{MODEL}: version 2 is taken back from its trial; version 1 stays champion")
    assert world.registry.champion(MODEL).version == "1"
    code, said = run("pause-rollout", MODEL, "--reason", "wait")
    assert code == 1
    assert "no challenger is on trial" in said


def test_a_version_is_promoted_and_taken_back(world, settings):
    world.store.roll_back(MODEL, world.decide(2, "1"), reasons=("bad",))
    judged = judge(settings, a_bundle(settings, "baseline", seed=3), against="1")
    version = world.registry.version(MODEL, "1").model_dump() | {
        "version": "3",
        "bundle_uri": judged.candidate.bundle_uri,
        "bundle_digest": judged.candidate.bundle_digest,
        "decision_id": judged.record.id,
    }
    registered = RegisteredVersion.model_validate({name: version[name] for name in RegisteredVersion.model_fields})
    keep_smoke_test(SmokeTest.model_construct(registered=registered, **dict.fromkeys(MEASURED, 1)), settings)
    world.registry.register(ChampionVersion.model_validate(version))
    code, said = run("promote", MODEL, "--reason", "why")
    assert code == 1
    assert "nothing to promote" in said
    assert run("promote", MODEL, "--version", "3", "--reason", "by mail") == (
        0,
        f"{MODEL}: version 3 is champion, in place of version 1",
    )
    code, said = run("rollback", MODEL, "--reason", "complaints")
    assert (code, said) == (0, f"{MODEL}: version 1 is champion again, in place of version 3")


def test_status_tells_of_a_challenger_on_trial(world):
    code, said = run("status", MODEL)
    assert code == 0
    assert "on trial version 2 answers 5 % of the callers, canary step 1 of 3, since" in said


@pytest.mark.parametrize("command", ["promote", "rollback", "pause-rollout"])
def test_each_needs_a_reason(settings, command):
    assert run(command, MODEL)[0] == 2
    code, said = run(command, MODEL, "--reason", " ")
    assert code == 1
    assert "need a reason" in said
