"""MLflow's own database is there whole or not at all. All in processes of their own: MLflow keeps what it first saw."""

import signal
import sqlite3
import subprocess
import sys

OPENED = """
import sys
from evergreen.registry.mlflow_client import open_client
from evergreen.settings import Settings

print(",".join(experiment.name for experiment in open_client(Settings(home=sys.argv[1])).search_experiments()))
"""
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


def run(program, home):
    return subprocess.run([sys.executable, "-c", program, str(home)], capture_output=True, text=True, check=False)


def test_one_that_is_missing_is_made_and_leaves_nothing_beside_it(tmp_path):
    done = run(OPENED, tmp_path / "home")
    assert done.stdout == "Default\n", done.stderr
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["mlflow.db"]


def test_a_process_killed_while_it_is_made_leaves_none_that_is_half_made(tmp_path):
    done = run(KILLED, tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    assert run(OPENED, tmp_path).stdout == "Default\n"
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    connection.close()
