"""Definitions that come with a bundle are the ones its DAG files and tasks read; without the setting nothing changes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evergreen.connect.bundled_definitions import read_definitions_beside
from evergreen.errors import SettingsError
from evergreen.settings import Settings

ROOT = Path(__file__).parents[3]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle as git lays it out, with the DAG files and one model; another model is where everything else reads."""
    shutil.copytree(ROOT / "dags", tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    for folder, name in (("include/models", "bundled"), ("elsewhere", "installed")):
        _write_model(tmp_path / folder / name, name)
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    return tmp_path


def test_without_the_setting_the_folder_stays(bundle):
    read_definitions_beside(str(bundle / "dags" / "training.py"))
    assert Settings().definitions_dir == bundle / "elsewhere"


def test_with_it_the_folder_is_that_of_the_file_s_own_version(bundle, monkeypatch):
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_IN_BUNDLE", "../include/models")
    read_definitions_beside(str(bundle / "dags" / "training.py"))
    assert Settings().definitions_dir == bundle / "include" / "models"


def test_a_folder_that_is_not_there_is_refused(bundle, monkeypatch):
    monkeypatch.setenv("EVERGREEN_DEFINITIONS_IN_BUNDLE", "../models")
    with pytest.raises(SettingsError, match="names no folder of this bundle"):
        read_definitions_beside(str(bundle / "dags" / "training.py"))
    assert Settings().definitions_dir == bundle / "elsewhere"


@pytest.mark.parametrize("wanted", ["bundled", "installed"])
def test_a_parsed_file_unfolds_what_lies_beside_it(bundle, wanted):
    program = "import runpy, sys; print(*(name for name in runpy.run_path(sys.argv[1]) if '.' in name))"
    setting = {"EVERGREEN_DEFINITIONS_IN_BUNDLE": "../include/models" if wanted == "bundled" else ""}
    done = subprocess.run(
        [sys.executable, "-c", program, str(bundle / "dags" / "scoring.py")],
        env={**os.environ, **setting, "AIRFLOW_HOME": str(bundle / "airflow"), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"{wanted}.scoring"]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.name)
def test_every_file_asks_before_it_reads_and_is_read_by_airflow(path):
    """Airflow passes over a file that has neither of two words in it, whatever it would have said."""
    text = path.read_text(encoding="utf-8")
    asks = re.search(r"^read_definitions_beside\(__file__\)$", text, re.MULTILINE)
    reads = re.search(r"^(for definition in|load_definitions\(|with DAG\()", text, re.MULTILINE)
    assert asks is not None
    assert reads is not None
    assert asks.end() < reads.start()
    assert {"dag", "airflow"} <= set(re.findall(r"dag|airflow", text.lower()))


def _write_model(folder, name):
    shutil.copytree(ROOT / "docs" / "guides" / "minimal", folder)
    definition = folder / "model.yaml"
    definition.write_text(definition.read_text(encoding="utf-8").replace("name: minimal", f"name: {name}"), encoding="utf-8")
