"""Registering, releasing and looking work through an MLflow server as they do on its database."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from evergreen.errors import StoreUnavailableError
from evergreen.files import Files
from evergreen.predictors.bundle import load_predictor
from evergreen.registry.aliases import MlflowAliases
from evergreen.results import SmokeTest
from evergreen.settings import Settings
from evergreen.stages.register import register
from evergreen.stages.release import release, rollback
from evergreen.status.aliases import read_aliases
from evergreen.status.queries import model_status
from free_ports import free_port
from released_models import MODEL, a_bundle, a_definition, a_frame, judge

pytestmark = pytest.mark.slow
LOAD = """
import sys, mlflow, mlflow.pyfunc, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion")
model.predict(pd.read_parquet(sys.argv[3])).to_parquet(sys.argv[4])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow-server")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **quiet, "PATH": path}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_healthy(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if requests.get(f"{address}/health", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def _released(settings: Settings, algorithm: str, against: str | None, seed: int):
    judged = judge(settings, a_bundle(settings, algorithm, seed=seed), against=against)
    registered = register(a_definition(), judged.verdict, settings)
    assert register(a_definition(), judged.verdict, settings) == registered
    tested = SmokeTest(
        registered=registered,
        rows=1,
        max_difference=0.0,
        load_seconds=1.0,
        single_row_p50_ms=1.0,
        single_row_p99_ms=1.0,
        peak_memory_mb=1.0,
        pyfunc_max_difference=0.0,
    )
    return judged, release(a_definition(), tested, judged.verdict, settings)


def test_a_release_through_a_server(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=tmp_path / "home", mlflow_tracking_uri=server)
    _, first = _released(settings, "baseline", None, 1)
    judged, second = _released(settings, "xgboost", first.version, 2)
    assert MlflowAliases(settings).read(MODEL) == {"champion": second.version, "previous": first.version}
    assert read_aliases(settings, MODEL) == MlflowAliases(settings).read(MODEL)
    assert read_aliases(settings, "unknown") == {}
    frame = a_frame(rows=100, seed=9)
    frame.to_parquet(tmp_path / "frame.parquet")
    command = [sys.executable, "-I", "-W", "ignore", "-c", LOAD, server, MODEL]
    command += [str(tmp_path / "frame.parquet"), str(tmp_path / "answers.parquet")]
    subprocess.run(command, check=True, timeout=120)
    expected = load_predictor(Files(), judged.candidate.bundle_uri, judged.candidate.bundle_digest).probability(frame)
    assert np.max(np.abs(pd.read_parquet(tmp_path / "answers.parquet")["probability"] - expected)) < 1e-6
    assert rollback(a_definition(), settings, "broken").version == first.version
    assert model_status(settings, a_definition()).aliases.drift == ()
    assert not (tmp_path / "mlruns").exists()


def test_a_server_that_is_away_may_be_tried_again_and_stops_no_rollback(server, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    settings = Settings(home=tmp_path, mlflow_tracking_uri=server)
    _, first = _released(settings, "baseline", None, 3)
    _, second = _released(settings, "baseline", first.version, 4)
    away = settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    with pytest.raises(StoreUnavailableError, match="MLflow did not answer"):
        register(a_definition(), judge(away, a_bundle(away, "baseline", seed=5), against=second.version).verdict, away)
    assert rollback(a_definition(), away, "broken").version == first.version
    assert "aliases did not follow" in caplog.text
    assert model_status(settings, a_definition()).aliases.drift != ()
    assert model_status(settings, a_definition()).champion.version == first.version
