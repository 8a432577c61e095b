"""The sweep is cheap while nothing waits, and notices what nobody watches."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.observation import NightDecision
from evergreen.registry.nights import NightStore
from evergreen.settings import PROJECT_ROOT, Settings
from rollout_world import RolloutWorld

HEAVY = {"pandas", "numpy", "scipy", "pyarrow", "deltalake", "mlflow", "evidently", "sklearn", "great_expectations"}


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, definitions_dir=PROJECT_ROOT / "docs" / "guides")


def watched(settings, **changes):
    digests = ("bundle_digest", "diagnosis_digest", "policy_digest", "past_digest")
    values = {
        "model": "minimal",
        "as_of": datetime(2026, 5, 1, 1, tzinfo=UTC),
        "release_version": "1",
        "cause": "nothing",
        "action": "log",
        "severity": "ok",
        "reasons": ("all is well",),
        "alarms": (),
        "probed": False,
        "starts_training": False,
        "new_rows": 0,
        "probe_digest": None,
        **dict.fromkeys(digests, "0" * 32),
    }
    NightStore(settings.database_url).record(NightDecision.model_validate(values | changes))


def said(settings):
    path = settings.home / "alerts.jsonl"
    return [json.loads(line)["level"] for line in path.read_text().splitlines()] if path.is_file() else []


def test_a_model_that_nobody_watches_any_more_is_told_of_once_and_again_when_it_is_watched(settings):
    from evergreen.connect.sweeping import tell_of_silence

    watched(settings)
    now = datetime.now(UTC)
    for hours in (1, 29, 31, 32, 60):
        tell_of_silence(settings, now + timedelta(hours=hours))
    assert said(settings) == ["critical"]
    watched(settings, as_of=datetime(2026, 5, 2, 1, tzinfo=UTC))
    tell_of_silence(settings, now + timedelta(hours=1))
    assert said(settings) == ["critical", "recovered"]


def test_before_the_first_release_there_is_nothing_to_watch(settings):
    from evergreen.connect.sweeping import tell_of_silence

    assert tell_of_silence(settings, datetime.now(UTC) + timedelta(days=100)) == []


@pytest.mark.parametrize("change", [{"schedule": {"monitoring": "manual"}}, {"data": {"last_day": "2026-04-30"}}])
def test_a_model_without_nights_to_come_is_not_missed(settings, tmp_path, change):
    import shutil

    import yaml

    from evergreen.connect.sweeping import tell_of_silence

    folder = tmp_path / "models" / "minimal"
    shutil.copytree(settings.definitions_dir / "minimal", folder)
    text = yaml.safe_load((folder / "model.yaml").read_text())
    for section, values in change.items():
        text[section] |= values
    (folder / "model.yaml").write_text(yaml.safe_dump(text))
    settings = Settings(home=settings.home, definitions_dir=folder.parent)
    watched(settings)
    assert tell_of_silence(settings, datetime.now(UTC) + timedelta(days=100)) == []


def published(settings, as_of):
    from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore

    version = OnlineInputsVersion(
        model="minimal", features_key="key", as_of=as_of, uri="/online", digest=as_of.isoformat(), published_at=as_of
    )
    assert OnlineVersionStore(settings.database_url).publish(version)


def test_features_that_no_night_renews_are_told_of_once_and_again_when_one_does(settings):
    from evergreen.connect.sweeping import tell_of_old_features

    now = datetime.now(UTC)
    tell_of_old_features(settings, now)
    assert said(settings) == []  # nothing was ever published: no gateway serves it
    published(settings, now)
    for hours in (1, 35, 37, 60):
        tell_of_old_features(settings, now + timedelta(hours=hours))
    assert said(settings) == ["critical"]
    published(settings, now + timedelta(hours=48))
    tell_of_old_features(settings, now + timedelta(hours=60))
    assert said(settings) == ["critical", "recovered"]


def on_trial(settings, actor="ada, run manual__1", **changes):
    """A champion, version 1, and its challenger, version 2, at step 1."""
    world = RolloutWorld(settings, "minimal")
    world.release(1, None)
    world.register(2, "1")
    return world, world.begin(2, actor=actor, **changes)


class Airflow:
    """Stands for Airflow's runs: those named are running."""

    def __init__(self, *running):
        self.running, self.asked = running, []

    def __call__(self, dag_id, run_id):
        self.asked.append(dag_id)
        return run_id in self.running


class TestForgottenRollouts:
    def test_one_whose_training_runs_goes_on(self, settings):
        from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts

        world, begun = on_trial(settings)
        world.store.pause("minimal", reason="wait", actor="ada, run pause__1")
        airflow = Airflow("manual__1")
        assert end_forgotten_rollouts(settings, airflow) == []
        assert airflow.asked == ["minimal.training"]
        assert world.store.current("minimal").rollout_id == begun.rollout_id
        assert said(settings) == []

    def test_one_whose_training_is_over_is_taken_back_and_told_of_once(self, settings):
        from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts

        world, _ = on_trial(settings)
        ended = end_forgotten_rollouts(settings, Airflow("manual__2"))
        assert ended == ["minimal version 2: its training run manual__1 is over"]
        assert end_forgotten_rollouts(settings, Airflow()) == []
        (end,) = world.store.history("minimal", limit=1)
        assert (end.action, end.actor) == ("rolled_back", "evergreen.sweep")
        assert said(settings) == ["warning"]
        assert world.registry.champion("minimal").version == "1"

    def test_one_that_expired_is_left_to_its_run_for_some_minutes_and_then_taken_back(self, settings):
        from evergreen.connect.forgotten_rollouts import PATIENCE, end_forgotten_rollouts

        world, begun = on_trial(settings)
        late = begun.expires_at + PATIENCE
        assert end_forgotten_rollouts(settings, Airflow("manual__1"), late - timedelta(microseconds=1)) == []
        ended = end_forgotten_rollouts(settings, Airflow("manual__1"), late)
        assert [each.partition(" at ")[0] for each in ended] == ["minimal version 2: it expired"]
        assert world.store.current("minimal") is None

    def test_one_that_no_run_began_is_left_to_its_clock(self, settings):
        from evergreen.connect.forgotten_rollouts import PATIENCE, end_forgotten_rollouts

        world, begun = on_trial(settings, actor="ada@desk")
        assert end_forgotten_rollouts(settings, Airflow()) == []
        assert world.store.current("minimal") == begun
        assert len(end_forgotten_rollouts(settings, Airflow(), begun.expires_at + PATIENCE)) == 1

    def test_a_step_that_begins_at_this_moment_is_left_alone(self, settings):
        from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts

        world, _ = on_trial(settings)

        def is_running(dag_id, run_id):
            world.begin(2, 2, actor="ada, run manual__2")
            return False

        assert end_forgotten_rollouts(settings, is_running) == []
        assert world.store.current("minimal").step == 2
        assert said(settings) == []

    def test_one_that_is_promoted_at_this_moment_is_not_told_of(self, settings):
        from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts

        world, begun = on_trial(settings)

        def is_running(dag_id, run_id):
            world.registry.promote("minimal", "2", begun.rollout_id, "1", rollout="canary")
            return False

        assert end_forgotten_rollouts(settings, is_running) == []
        assert said(settings) == []

    def test_a_model_without_a_definition_is_ended_all_the_same(self, settings, caplog):
        from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts

        world = RolloutWorld(settings, "gone")
        world.release(1, None)
        world.register(2, "1")
        world.begin(2, actor="ada, run manual__1")
        assert len(end_forgotten_rollouts(settings, Airflow())) == 1
        assert "no definition" in caplog.text


def test_with_nothing_pending_it_loads_nothing_heavy(settings):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from evergreen.connect.forgotten_rollouts import end_forgotten_rollouts\n"
        "from evergreen.connect.sweeping import due_of_all_models, tell_of_silence\n"
        "from evergreen.settings import Settings\n"
        "settings = Settings(home=Path(sys.argv[1]), definitions_dir=Path(sys.argv[2]))\n"
        "assert due_of_all_models(settings) == [] and tell_of_silence(settings) == []\n"
        "assert end_forgotten_rollouts(settings, print) == []\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    command = [sys.executable, "-c", code, str(settings.home), str(settings.definitions_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not HEAVY & set(done.stdout.rpartition("loaded:")[2].split())
