"""Whole DAGs in this process, over real flights, each test in a home of its own.

Airflow's database is one per process; everything of Evergreen's lives in the test's home.
"""

import importlib.util
import os
import shutil
from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest

from evergreen.files import Files, join_uri
from evergreen.settings import Settings
from integration.night import MODEL, PLANTED, SECRETS, Night

ROOT = Path(__file__).parents[2]
SEED_THROUGH = date(2013, 2, 20)
"""Enough for a holdout, three folds and a few nights; small enough for seconds."""


def pytest_collection_modifyitems(items):
    """Airflow, MLflow and Great Expectations run whole here, and their warnings are not ours; unit tests stay strict."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


def _seed(folder: Path, through: date) -> None:
    import io

    import pyarrow.parquet as pq

    spec = importlib.util.spec_from_file_location("seed", ROOT / "include" / "models" / MODEL / "seed.py")
    seed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seed)
    for path, table in seed.landing_files(date(2013, 1, 1), through):
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        Files().write_bytes(join_uri(str(folder), MODEL, path), buffer.getvalue())


@pytest.fixture(scope="session")
def seeded_landing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landing")
    _seed(folder, SEED_THROUGH)
    return folder


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory):
    """Airflow's environment, set before anything imports it; where Evergreen's things are, each night says itself."""
    from evergreen.connect.in_process import prepare_environment

    prepare_environment(Settings(home=tmp_path_factory.mktemp("airflow")), quiet=True)
    for name in [name for name in os.environ if name.startswith("EVERGREEN_")]:
        del os.environ[name]


@pytest.fixture
def night(tmp_path, seeded_landing, airflow_home):
    shutil.copytree(seeded_landing, tmp_path / "landing")
    return Night(tmp_path)


@pytest.fixture(scope="session")
def champion_home(tmp_path_factory, seeded_landing, airflow_home):
    """A home whose first champion was trained as of 15 February. Not to be changed by a test."""
    home = tmp_path_factory.mktemp("champion")
    shutil.copytree(seeded_landing, home / "landing")
    first = Night(home, **SECRETS)
    with patch.dict(os.environ, PLANTED):
        outcome = first.run("training", "2013-02-15")
    assert outcome.succeeded, outcome.errors
    assert outcome.returned["gate"]["outcome"] == "promote", outcome.returned["gate"]["reasons"]
    first.first_training = outcome
    return first
