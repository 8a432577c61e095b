"""The training DAG of a model whose challengers are tried out, in this process: no scheduler, no live requests."""

import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from evergreen.errors import RequestError
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.rollouts import RolloutStore
from integration.night import MODEL, Night

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = ("canary_5_percent", "canary_25_percent", "canary_100_percent")


@pytest.fixture
def careful(tmp_path, seeded_landing, airflow_home):
    """The shipped flights, with a canary."""
    shutil.copytree(seeded_landing, tmp_path / "landing")
    shutil.copytree(ROOT / "include" / "models" / MODEL, tmp_path / "models" / MODEL)
    model = tmp_path / "models" / MODEL / "model.yaml"
    model.write_text(f"{model.read_text()}\nrelease: {{rollout: canary}}\n")
    return Night(tmp_path, definitions_dir=tmp_path / "models")


def test_the_first_champion_has_nobody_to_be_tried_beside_and_the_next_needs_a_scheduler(careful):
    outcome = careful.run("training", "2013-02-15")
    assert outcome.succeeded, outcome.errors
    for step in STEPS:
        look = outcome.returned[step]
        assert (look["outcome"], look["reasons"]) == ("pass", ["there is no champion yet that could answer in its place"])
    assert outcome.returned["prepare"]["release_version"] == "1"
    assert outcome.returned["release"]["rollout"] == "direct"
    (event,) = ReleaseRegistry(careful.settings).timeline(MODEL)
    assert "without its trial" not in event.actor  # it is nobody's choice
    assert RolloutStore(careful.settings.database_url).history(MODEL) == []
    with pytest.raises(RequestError, match="tried out on live requests"):
        careful.run("training", "2013-02-16")


def test_a_trial_that_is_left_out_runs_none_of_its_steps(careful):
    from evergreen.connect.in_process import run_dag

    addresses = {f"EVERGREEN_{name.upper()}": str(value) for name, value in careful.settings.model_dump(mode="json").items()}
    with patch.dict(os.environ, addresses):
        outcome = run_dag(f"{MODEL}.training", {"as_of": "2013-02-15", "trials": 1}, skip_trial=True)
    assert outcome.succeeded, outcome.errors
    assert {task.task_id: task.state for task in outcome.tasks}["canary_25_percent"] == "success"
    assert not set(STEPS) & set(outcome.returned)
    assert outcome.returned["release"]["rollout"] == "direct"
