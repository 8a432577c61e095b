"""What Airflow imports to parse a DAG costs milliseconds: nothing heavy is reachable without running a task."""

import os
import shutil
import subprocess
import sys

import pytest

HEAVY = {
    "pandas", "numpy", "scipy", "sklearn", "xgboost", "onnx", "onnxruntime", "onnxmltools", "optuna", "mlflow", "evidently",
    "great_expectations", "deltalake", "pyarrow", "matplotlib", "narwhals", "sqlalchemy", "jinja2",
}  # fmt: skip
OF_AIRFLOW_ITSELF = {"sqlalchemy", "jinja2"}
"""Airflow imports these for itself before it looks at a DAG file."""
IN_THE_IMAGE_ALONE = {"warm_celery"}
"""What Celery's workers import, and the environment of the tests has not."""


@pytest.mark.parametrize(
    "module", ["evergreen.definitions", "evergreen.settings", "evergreen.results", "evergreen.definitions.check"]
)
def test_the_ground_floor_is_light(module, tmp_path):
    loaded = _heavy_after(f"import {module}", tmp_path)
    assert not loaded, f"`import {module}` must not load {sorted(loaded)}: import them inside the function that needs them"
    assert "airflow" not in _top_level_after(f"import {module}", tmp_path), f"{module} must not import airflow"


def test_connect_is_light(root, tmp_path):
    modules = {path.stem for path in (root / "include" / "evergreen" / "connect").glob("*.py")} - IN_THE_IMAGE_ALONE
    code = "\n".join(f"import evergreen.connect.{name}" for name in modules if name != "__init__")
    loaded = _heavy_after(code, tmp_path) - OF_AIRFLOW_ITSELF
    assert modules, "evergreen.connect holds no module"
    assert not loaded, f"importing evergreen.connect must not load {sorted(loaded)}"


@pytest.mark.parametrize("folder", ["dags", "plugins"])
def test_what_airflow_parses_is_light(folder, root, tmp_path):
    files = sorted((root / folder).glob("*.py"))
    assert files, f"no file found in {folder}/"
    runs = "\n".join(f"runpy.run_path({str(path)!r})" for path in files)
    loaded = _heavy_after(f"import runpy\n{runs}", tmp_path, root / "docs" / "guides" / "minimal") - OF_AIRFLOW_ITSELF
    assert not loaded, (
        f"parsing {folder}/*.py must not load {sorted(loaded)}: a task pays for what it uses, parsing pays for none"
    )


def _heavy_after(code, home, definition=None):
    return _top_level_after(code, home, definition) & HEAVY


def _top_level_after(code, home, definition=None):
    """Return the top-level names in sys.modules after a fresh interpreter has run some code."""
    models = home / "models"
    models.mkdir(exist_ok=True)
    if definition is not None:
        shutil.copytree(definition, models / "minimal")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW", "EVERGREEN"))},
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "EVERGREEN_HOME": str(home),
        "EVERGREEN_DEFINITIONS_DIR": str(models),
        "PYTHONWARNINGS": "ignore",
    }
    script = f"{code}\nimport sys\nprint('loaded:', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.rpartition("loaded:")[2].split())
