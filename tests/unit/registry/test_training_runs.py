import sqlite3
from pathlib import Path

import pytest

from evergreen.errors import StoreUnavailableError
from evergreen.registry import training_runs
from evergreen.registry.experiments import open_experiment
from evergreen.registry.mlflow_client import open_client
from evergreen.registry.training_runs import KEY_TAG, LoggedDataset, TrainingRun, log_training
from evergreen.settings import Settings


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """MLflow's tables, made once: making them takes seconds."""
    home = tmp_path_factory.mktemp("mlflow")
    open_client(Settings(home=home)).search_experiments()
    with sqlite3.connect(home / "mlflow.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (home / "mlflow.db").read_bytes()


@pytest.fixture
def settings(tmp_path, empty_database):
    (tmp_path / "mlflow.db").write_bytes(empty_database)
    return Settings(home=tmp_path)


def make_run(key="k1", **changes):
    value = {
        "model": "flights",
        "name": "xgboost 2013-03-31",
        "key": key,
        "params": {"depth": 5, **{f"p{number}": number for number in range(150)}, "long": "x" * 9000},
        "metrics": {"validation_roc_auc": 0.71},
        "dataset": LoggedDataset("training_rows", "d" * 32, "/tables/features", {"wind": "double", "carrier": "string"}, 1500),
        "curves": {"validation_log_loss": [(step, 1 / step) for step in range(1, 1201)]},
        "tags": {"evergreen.trained_through": "2013-03-10T00:00:00+00:00"},
        "files": {"report.html": b"<p>", "plots/roc.svg": b"<svg/>"},
    }
    return TrainingRun(**{**value, **changes})


def runs_of(settings):
    client = open_client(settings)
    return client.search_runs([client.get_experiment_by_name("flights").experiment_id])


def test_everything_is_there_and_the_run_is_finished(settings):
    run_id = log_training(settings, make_run())
    client = open_client(settings)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "xgboost 2013-03-31"
    assert len(run.data.params) == 152
    assert run.data.metrics["validation_roc_auc"] == 0.71
    assert len(client.get_metric_history(run_id, "validation_log_loss")) == 1200
    assert run.data.tags[KEY_TAG] == "k1"
    assert run.data.tags["evergreen.trained_through"].startswith("2013-03-10")
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "d" * 32
    assert "carrier" in dataset.dataset.schema
    assert {item.path for item in client.list_artifacts(run_id)} == {"report.html", "plots"}


def test_artifacts_lie_where_the_settings_say(settings):
    log_training(settings, make_run())
    assert list(Path(settings.artifacts_uri).rglob("report.html"))
    assert not Path("mlruns").exists()


def test_the_same_training_is_logged_once(settings):
    assert log_training(settings, make_run()) == log_training(settings, make_run())
    assert log_training(settings, make_run("k2")) != log_training(settings, make_run("k1"))
    assert len(runs_of(settings)) == 2


@pytest.mark.parametrize("step", ["_log_numbers", "_dataset_input", "_log_files"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_was_cut_short_is_completed_and_not_doubled(settings, monkeypatch, step, when):
    real = getattr(training_runs, step)

    def killed(*arguments):
        if when == "after":
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_runs, step, killed)
        with pytest.raises(KeyboardInterrupt):
            log_training(settings, make_run())
    assert [run.info.status for run in runs_of(settings)] == ["RUNNING"]
    run_id = log_training(settings, make_run())
    (run,) = runs_of(settings)
    assert (run.info.run_id, run.info.status) == (run_id, "FINISHED")
    assert len(open_client(settings).get_metric_history(run_id, "validation_log_loss")) == 1200
    assert len(run.inputs.dataset_inputs) == 1


def test_a_deleted_experiment_is_brought_back(settings):
    client = open_client(settings)
    experiment = open_experiment(client, settings, "flights")
    client.delete_experiment(experiment)
    assert open_experiment(client, settings, "flights") == experiment
    assert log_training(settings, make_run())


def test_an_experiment_that_another_candidate_made_meanwhile_is_taken(settings, monkeypatch):
    client = open_client(settings)
    made = open_experiment(client, settings, "flights")
    really, answers = client.get_experiment_by_name, iter([None])
    monkeypatch.setattr(client, "get_experiment_by_name", lambda name: next(answers, really(name)))
    assert open_experiment(client, settings, "flights") == made


def test_no_answer_can_be_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:9"):
        log_training(Settings(home=tmp_path, mlflow_tracking_uri="http://127.0.0.1:9"), make_run())
