"""A definition may want a person's answer before a release."""

from pathlib import Path

import pytest

from evergreen.errors import RequestError

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "docs" / "guides" / "minimal"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a model whose releases are approved."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "minimal").mkdir()
    text = (MINIMAL / "model.yaml").read_text() + "\nrelease: {approval: {response_timeout: 8h, default: approve}}\n"
    (folder / "minimal" / "model.yaml").write_text(text)
    (folder / "minimal" / "features.py").write_text((MINIMAL / "features.py").read_text())
    return folder


@pytest.fixture
def asking(models, monkeypatch):
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(models))
    bag = DagBag(str(ROOT / "dags" / "training.py"))
    assert not bag.import_errors
    return bag.dags["minimal.training"]


def test_the_question_stands_between_the_smoke_test_and_the_release(asking):
    edges = {task.task_id: set(task.downstream_task_ids) for task in asking.tasks}
    assert edges["smoke_test"] == {"approve", "release"}
    assert edges["approve"] == {"release"}


def test_it_waits_as_long_as_the_definition_says_and_then_answers_so(asking):
    task = asking.get_task("approve")
    assert task.response_timeout.total_seconds() == 8 * 3600
    assert task.defaults == ["Approve"]
    assert task.template_fields == ()


def test_nobody_is_asked_where_the_definition_asks_nobody(dags):
    assert not dags["flight_delays.training"].has_task("approve")


def test_a_run_in_this_process_does_not_release_unasked(asking):
    from evergreen.connect.in_process import run_dag

    with pytest.raises(RequestError, match="needs a person's answer") as caught:
        run_dag("minimal.training", {})
    assert "--approve" in caught.value.remedy
