"""What maintenance takes out again, with real stores and without a scheduler."""

import pytest
import yaml

from evergreen.connect import maintenance_tasks
from evergreen.errors import RunFailedError
from forgotten_world import PERSON, a_world, with_person
from unit.stages.landing_case import definition, nth


@pytest.fixture
def world(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "taxi"
    folder.mkdir(parents=True)
    folder.joinpath("model.yaml").write_text(yaml.safe_dump(definition().model_dump(mode="json", exclude_none=True)))
    folder.joinpath("features.py").write_text("def row_features(rows, entities):\n    return rows[['id']]\n")
    world = a_world(str(tmp_path / "stores"), definition(), tmp_path)
    world.fill(slim=True)
    for name, value in world.settings.model_dump(mode="json").items():
        monkeypatch.setenv(f"EVERGREEN_{name.upper()}", str(value))
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(tmp_path / "models"))
    return world


def asked(monkeypatch, *, dry_run):
    monkeypatch.setattr("evergreen.connect.run.asked_for", {"dry_run": dry_run, "model": None}.get)


def test_rows_that_a_run_has_brought_back_since_are_taken_out_again(world, monkeypatch):
    asked(monkeypatch, dry_run=False)
    world.forget()
    world.raw().write_days({nth(1): with_person(nth(1))})  # as a run does that began before
    assert PERSON in world.raw().read(world.raw().version())["id"].to_pylist()
    assert maintenance_tasks.erase_again.function("taxi") == {"erasures": 1, "rows": 1, "waiting": 0}
    assert PERSON not in world.raw().read(world.raw().version())["id"].to_pylist()
    assert maintenance_tasks.erase_again.function("taxi") == {"erasures": 1, "rows": 0, "waiting": 0}


def test_nothing_is_touched_in_a_dry_run_or_where_nothing_was_ever_erased(world, monkeypatch):
    before = world.raw().version()
    for dry_run in (False, True):
        asked(monkeypatch, dry_run=dry_run)
        assert maintenance_tasks.erase_again.function("taxi") == {"erasures": 0, "rows": 0, "waiting": 0}
    assert world.raw().version() == before


def test_a_task_that_failed_fails_the_run():
    with pytest.raises(RunFailedError):
        maintenance_tasks.fail_if_any_did.function()
