import pickletools
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import DigestMismatchError, UndecidedError
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.predictors.calibration import IsotonicCalibration
from evergreen.registry.aliases import MlflowAliases
from evergreen.registry.mlflow_client import open_client
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Outcome
from evergreen.settings import Settings
from evergreen.stages.register import register
from released_models import MODEL, a_bundle, a_definition, a_frame, judge

ALGORITHMS = ("baseline", "logistic_regression", "xgboost")

ELSEWHERE = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("evergreen", "xgboost", "sklearn", "pickle_of_evergreen"):
            raise ModuleNotFoundError(f"{name} is not to be had here")

sys.meta_path.insert(0, Refused())
tracking_uri, name, version, frame, answers = sys.argv[1:]
import mlflow.pyfunc
import pandas as pd

mlflow.set_tracking_uri(tracking_uri)
model = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
model.predict(pd.read_parquet(frame)).to_parquet(answers)
assert not [m for m in sys.modules if m.split(".")[0] == "evergreen"]
"""


@pytest.fixture(scope="module")
def empty_mlflow(tmp_path_factory):
    """MLflow's tables, made once: that takes longer than any test here."""
    settings = Settings(home=tmp_path_factory.mktemp("mlflow"))
    open_client(settings).search_experiments()
    return settings.home / "mlflow.db"


@pytest.fixture
def settings(tmp_path, monkeypatch, empty_mlflow):
    (tmp_path / "home").mkdir()
    shutil.copy(empty_mlflow, tmp_path / "home" / "mlflow.db")
    monkeypatch.chdir(tmp_path)  # what MLflow would leave in the current folder is seen
    return Settings(home=tmp_path / "home")


def answers_elsewhere(settings: Settings, version: str, frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Score in a process where Evergreen cannot be imported."""
    frame.to_parquet(folder / "frame.parquet")
    command = [sys.executable, "-I", "-W", "ignore", "-c", ELSEWHERE, settings.mlflow_tracking_uri, MODEL, version]
    done = subprocess.run(
        [*command, str(folder / "frame.parquet"), str(folder / "answers.parquet")],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return pd.read_parquet(folder / "answers.parquet")


def is_pickle(data: bytes) -> bool:
    try:
        return bool([opcode for opcode, _, _ in pickletools.genops(data)])
    except Exception:
        return False


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_plain_mlflow_answers_as_we_do_without_us(settings, tmp_path, algorithm):
    calibration = None
    if algorithm == "xgboost":
        calibration = IsotonicCalibration(scores=(-2.0, 0.0, 3.0), probabilities=(0.1, 0.4, 0.9))
    judged = judge(settings, a_bundle(settings, algorithm, calibration=calibration))
    registered = register(a_definition(), judged.verdict, settings)
    frame = a_frame(rows=300, seed=2)
    frame.loc[0, "carrier"] = "never seen"
    predictor = load_predictor(Files(), registered.bundle_uri, registered.bundle_digest)
    expected = predictor.probability(frame)
    said = answers_elsewhere(settings, registered.version, frame, tmp_path)
    assert np.max(np.abs(said["probability"].to_numpy() - expected)) < 1e-6
    assert said["decision"].tolist() == predictor.decide(expected).tolist()
    assert 0 < said["decision"].sum() < len(said)


def test_the_artifact_holds_no_pickle_and_no_code_but_the_script(settings, tmp_path):
    register(a_definition(), judge(settings, a_bundle(settings, "xgboost")).verdict, settings)
    root = Path(settings.artifacts_uri) / "mlflow"
    found = [path for path in root.rglob("*") if path.is_file()]
    names = {path.name for path in found}
    assert {"MLmodel", "plain_model.py", "manifest.json", "model.onnx", "model.ubj", "features.py", "requirements.txt"} <= names
    assert not [path for path in found if path.suffix in {".pkl", ".pickle", ".joblib", ".cloudpickle"}]
    assert not [path.name for path in found if is_pickle(path.read_bytes())]
    assert {path.name for path in found if path.suffix == ".py"} == {"plain_model.py", "features.py"}
    assert not (tmp_path / "mlruns").exists()


def test_requirements_are_the_installed_versions_and_name_no_host(settings):
    register(a_definition(), judge(settings, a_bundle(settings, "baseline")).verdict, settings)
    text = next(Path(settings.artifacts_uri).rglob("requirements.txt")).read_text()
    lines = [line for line in text.splitlines() if line]
    assert sorted(line.split("==")[0] for line in lines) == ["mlflow", "numpy", "onnxruntime", "pandas"]
    assert f"numpy=={np.__version__}" in lines
    assert "://" not in text


def test_twice_is_once(settings):
    judged = judge(settings, a_bundle(settings, "baseline"))
    first = register(a_definition(), judged.verdict, settings)
    assert register(a_definition(), judged.verdict, settings) == first
    client = open_client(settings)
    (only,) = client.search_model_versions(f"name='{MODEL}'")
    assert only.tags["evergreen.bundle_digest"] == first.bundle_digest
    assert only.tags["evergreen.decision_id"] == judged.record.id
    assert only.tags["evergreen.trained_through"] == judged.candidate.trained_through.isoformat()
    assert MlflowAliases(settings).read(MODEL) == {"challenger": first.version}
    assert [version.version for version in ReleaseRegistry(settings).versions(MODEL)] == [first.version]


def test_a_run_killed_before_our_books_were_written_finds_its_version_again(settings, monkeypatch):
    judged = judge(settings, a_bundle(settings, "baseline"))

    def killed(self, version):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ReleaseRegistry, "register", killed)
        with pytest.raises(KeyboardInterrupt):
            register(a_definition(), judged.verdict, settings)
    assert register(a_definition(), judged.verdict, settings).version == "1"
    assert len(open_client(settings).search_model_versions(f"name='{MODEL}'")) == 1


def test_another_bundle_and_another_decision_are_other_versions(settings):
    bundle = a_bundle(settings, "baseline")
    first = register(a_definition(), judge(settings, bundle).verdict, settings)
    second = register(a_definition(), judge(settings, bundle, against="7").verdict, settings)
    third = register(a_definition(), judge(settings, a_bundle(settings, "baseline", seed=3)).verdict, settings)
    assert [first.version, second.version, third.version] == ["1", "2", "3"]


def test_a_version_deleted_in_mlflow_is_made_again_under_a_new_number(settings):
    judged = judge(settings, a_bundle(settings, "baseline"))
    first = register(a_definition(), judged.verdict, settings)
    open_client(settings).delete_model_version(MODEL, first.version)
    assert not ReleaseRegistry(settings)._mirror.holds(ReleaseRegistry(settings).version(MODEL, "1"))
    assert register(a_definition(), judged.verdict, settings).version == "2"


@pytest.mark.parametrize("outcome", [Outcome.KEEP, Outcome.INCONCLUSIVE])
def test_a_verdict_that_says_no_is_refused_by_its_record(settings, outcome):
    judged = judge(settings, a_bundle(settings, "baseline"), outcome=outcome)
    forged = judged.verdict.model_copy(update={"outcome": Outcome.PROMOTE})
    with pytest.raises(UndecidedError, match=f"says {outcome}"):
        register(a_definition(), forged, settings)


def test_a_decision_for_another_digest_is_refused(settings):
    judged = judge(settings, a_bundle(settings, "baseline"))
    other = a_bundle(settings, "baseline", seed=5)
    with pytest.raises(UndecidedError, match="something else"):
        register(a_definition(), judged.verdict.model_copy(update={"challenger": other}), settings)


@pytest.mark.parametrize("name", ["model.json", "manifest.json", "features.py"])
def test_one_changed_byte_is_refused(settings, name):
    judged = judge(settings, a_bundle(settings, "baseline"))
    path = Path(judged.candidate.bundle_uri) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DigestMismatchError):
        register(a_definition(), judged.verdict, settings)
    assert ReleaseRegistry(settings).versions(MODEL) == []
