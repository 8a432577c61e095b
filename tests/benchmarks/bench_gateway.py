"""Requests per second and latency of the gateway on the flights, beside `mlflow models serve` of the same release.

Run with `make bench`. One worker each, both on this machine with the client, a raw-socket client of our own. How much of a
core it takes is printed, because with two cores it takes that from the server. `cpu us` is the server's processor time a
request, which says more than requests per second where the machine has other work. The gateway gets raw rows: it validates
them, joins what is published, computes the features, scores, and keeps every answer in its log. MLflow gets ready features (30
columns) and does none of that: its side is the easier one.

`EVERGREEN_BENCH_HOME` names a folder in which the champion is kept between runs; default a new one.
`EVERGREEN_BENCH_SECONDS` says how long each figure is measured; default 4.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import requests

from evergreen.features.inputs import release_key
from evergreen.files import Files
from evergreen.predictors.bundle import read_bundle, write_bundle
from evergreen.predictors.manifest import BundleFile
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.online_versions import OnlineInputsVersion, OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.settings import Settings
from evergreen.tables.addresses import bundles_uri
from evergreen.tables.online_inputs import read_online_inputs, write_online_inputs
from free_ports import free_port
from http_load import request_bytes, run_load
from integration.conftest import _seed
from integration.night import MODEL, Night
from released_models import Nowhere
from served_model import running_gateway

SECONDS = float(os.environ.get("EVERGREEN_BENCH_SECONDS", "4"))
AS_OF, DAY = "2013-02-15", "2013-02-16"
BODIES = 200
"""Different requests, sent in turn."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    kept = os.environ.get("EVERGREEN_BENCH_HOME")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("bench")
    if not (folder / "evergreen.db").exists():
        _train(folder)
    return folder


def _train(folder):
    from evergreen.connect.in_process import prepare_environment

    prepare_environment(Settings(home=folder / "airflow-home"), quiet=True)
    for name in [name for name in os.environ if name.startswith("EVERGREEN_")]:  # where things are, the night says itself
        del os.environ[name]
    _seed(folder / "landing", date(2013, 2, 20))
    outcome = Night(folder).run("training", AS_OF, trials=12)
    assert outcome.succeeded, outcome.errors


@contextmanager
def running_mlflow(settings, version):
    port = free_port()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{MODEL}/{version}"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (settings.home / "mlflow-serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{port}/ping", timeout=5).ok:
                    break
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield port, process.pid
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def raw_rows(home):
    """Flights of a day as a caller knows them."""
    table = pq.read_table(home / "landing" / MODEL / "schedule" / f"{DAY}.parquet")
    rows = table.to_pylist()
    return [{**row, "scheduled_departure": row["scheduled_departure"].isoformat()} for row in rows]


def bodies_of_ours(home, n_rows):
    rows = raw_rows(home)
    bodies = [[rows[(n * n_rows + k) % len(rows)] for k in range(n_rows)] for n in range(BODIES)]
    return [request_bytes(f"/models/{MODEL}/predict", json.dumps({"rows": b} if n_rows > 1 else b[0]).encode()) for b in bodies]


def bodies_of_mlflow(manifest, n_rows):
    """Ready features in the release's own names, as MLflow's client writes them."""
    names = [*manifest.numeric, *manifest.categorical]
    known = {column.column: column.values for column in manifest.encoder.categorical}

    def value(name, number):
        return known[name][number % len(known[name])] if name in known else float(number % 97) + 0.5

    found = []
    for n in range(BODIES):
        data = [[value(name, n * n_rows + k) for name in names] for k in range(n_rows)]
        found.append(request_bytes("/invocations", json.dumps({"dataframe_split": {"columns": names, "data": data}}).encode()))
    return found


def cpu_seconds(pid):
    """Processor time of a process and its children: what a request costs, however busy the machine is."""
    first = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in (first, *first.children(recursive=True)))


def measure(name, port, pid, requests_, connections):
    run_load(port, requests_, connections=connections, seconds=0.5)
    before = cpu_seconds(pid)
    load = run_load(port, requests_, connections=connections, seconds=SECONDS)
    cost = (cpu_seconds(pid) - before) / len(load.latencies)
    assert load.failures == [], load.failures[0]
    p50, p99 = load.milliseconds(0.50), load.milliseconds(0.99)
    print(f"  {name:<26} {load.per_second:9,.0f} {p50:9.2f} {p99:9.2f} {cost * 1e6:9,.0f} {load.client_share:9.0%}", flush=True)
    return load.per_second, p99, cost


def release_free_pandas(home):
    """Release the champion once more with feature code that only pandas can run, on the same online inputs."""
    settings, files = Settings(home=home), Files()
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    champion = registry.champion(MODEL)
    manifest, contents = read_bundle(files, champion.bundle_uri, champion.bundle_digest)
    marker = b"    flights = nw.from_native(rows)"
    assert marker in contents["features.py"]
    source = contents["features.py"].replace(marker, b"    rows = rows.copy()\n" + marker) + f"# {time.time_ns()}\n".encode()
    contents |= {"features.py": source}
    described = {name: BundleFile.of(data) for name, data in contents.items()}
    digest = described["features.py"].sha256[:32]
    manifest = manifest.model_copy(update={"files": described, "features_source_digest": digest})
    uri, bundle = write_bundle(files, bundles_uri(settings, MODEL), manifest, contents)
    decided = registry.vouch(champion)
    record = DecisionStore(settings.database_url).record(
        decided.model_copy(update={"challenger_digest": bundle, "champion_version": champion.version})
    )
    version = champion.model_copy(
        update={
            "version": f"{champion.version}-{bundle[:6]}",
            "bundle_uri": uri,
            "bundle_digest": bundle,
            "decision_id": record.id,
            "features_source_digest": digest,
        }
    )
    registry.register(version)
    store = OnlineVersionStore(settings.database_url)
    newest = store.newest(MODEL, release_key(manifest.feature_layout, champion.features_source_digest))
    inputs = read_online_inputs(newest.uri, newest.digest, files)
    key = release_key(manifest.feature_layout, digest)
    folder, inputs_digest = write_online_inputs(
        MODEL, inputs.__class__(**{**vars(inputs), "features_key": key}), settings, files
    )
    changes = {"features_key": key, "uri": folder, "digest": inputs_digest, "published_at": datetime.now(UTC)}
    store.publish(OnlineInputsVersion.model_validate({**newest.model_dump(), **changes}))
    registry.promote(MODEL, version.version, record.id, champion.version, actor="bench")
    return champion, version


def test_requests_per_second(home):
    settings = Settings(home=home)
    registry = ReleaseRegistry(settings, mirror=Nowhere())
    champion = registry.champion(MODEL)
    manifest, _ = read_bundle(Files(), champion.bundle_uri, champion.bundle_digest)
    print(f"\n{os.cpu_count()} cores, {manifest.algorithm}, {len(manifest.numeric) + len(manifest.categorical)} features")
    header = f"  {'':<26} {'requests/s':>9} {'p50 ms':>9} {'p99 ms':>9} {'cpu us':>9} {'client':>9}"
    figures = {}
    cases = [(rows, connections) for rows in (1, 100) for connections in (1, 8, 32)]

    def run(name, port, pid, bodies):
        for rows, connections in cases:
            words = f"{rows} rows, {connections} callers"
            figures[name, rows, connections] = measure(words, port, pid, bodies(rows), connections)

    with running_gateway(settings) as gateway:
        assert gateway.get(f"/models/{MODEL}").json()["feature_engine"] == "few_rows"
        print(f"gateway, features by few_rows\n{header}")
        port = int(gateway.url.rpartition(":")[2])
        run("gateway", port, gateway.process.pid, lambda rows: bodies_of_ours(home, rows))
        _, free = release_free_pandas(home)
        try:
            gateway.wait_for_version(free.version, MODEL)
            assert gateway.get(f"/models/{MODEL}").json()["feature_engine"] == "pandas"
            print(f"gateway, features by pandas\n{header}")
            run("pandas", port, gateway.process.pid, lambda rows: bodies_of_ours(home, rows))
        finally:
            registry.rollback(MODEL, "benchmark", to_version=champion.version, actor="bench")
    with running_mlflow(settings, champion.version) as (port, pid):
        print(f"mlflow models serve, ready features\n{header}")
        run("mlflow", port, pid, lambda rows: bodies_of_mlflow(manifest, rows))
    print("over mlflow models serve              requests/s       p99 cpu a request")
    for name in ("gateway", "pandas"):
        for case in cases:
            (ours, our_p99, our_cost), (theirs, their_p99, their_cost) = figures[name, *case], figures["mlflow", *case]
            words = f"{name}: {case[0]} rows, {case[1]} callers"
            print(f"  {words:<34} {ours / theirs:9.1f} x {our_p99 / their_p99:7.3f} x {our_cost / their_cost:9.3f} x")
    assert figures["gateway", 1, 8][0] > figures["mlflow", 1, 8][0]
