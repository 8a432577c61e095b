"""The sweep is cheap while nothing waits, and notices what nobody watches."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.observation import NightDecision
from evergreen.registry.nights import NightStore
from evergreen.settings import PROJECT_ROOT, Settings

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


def test_with_nothing_pending_it_loads_nothing_heavy(settings):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from evergreen.connect.sweeping import due_of_all_models, tell_of_silence\n"
        "from evergreen.settings import Settings\n"
        "settings = Settings(home=Path(sys.argv[1]), definitions_dir=Path(sys.argv[2]))\n"
        "assert due_of_all_models(settings) == [] and tell_of_silence(settings) == []\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    command = [sys.executable, "-c", code, str(settings.home), str(settings.definitions_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not HEAVY & set(done.stdout.rpartition("loaded:")[2].split())
