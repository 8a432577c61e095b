"""MLflow's own database is there whole or not at all."""

import signal
import sqlite3
import subprocess
import sys

import pytest

from evergreen.registry.mlflow_client import open_client
from evergreen.settings import Settings

# MLflow's own mappings, on first use.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:The ``noload`` loader strategy")

KILLED = """
import os, signal, sys
from mlflow.store.db import utils
from evergreen.registry.mlflow_client import open_client
from evergreen.settings import Settings

whole = utils._initialize_tables

def half(engine):
    whole(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE runs")
    os.kill(os.getpid(), signal.SIGKILL)

utils._initialize_tables = half
open_client(Settings(home=sys.argv[1]))
"""


def test_one_that_is_missing_is_made_and_leaves_nothing_beside_it(tmp_path):
    settings = Settings(home=tmp_path / "home")
    assert [experiment.name for experiment in open_client(settings).search_experiments()] == ["Default"]
    assert [path.name for path in settings.home.iterdir()] == ["mlflow.db"]


def test_one_that_is_there_is_left_alone(tmp_path):
    settings = Settings(home=tmp_path)
    open_client(settings).create_experiment("mine")
    assert {experiment.name for experiment in open_client(settings).search_experiments()} == {"Default", "mine"}


def test_a_process_killed_while_it_is_made_leaves_none_that_is_half_made(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    open_client(Settings(home=tmp_path)).create_experiment("mine")
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    connection.close()
