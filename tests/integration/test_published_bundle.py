"""A commit is published to S3 once, whole, and Airflow's own S3 bundle unfolds the definitions that came with it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from moto_server import moto_server

ROOT = Path(__file__).parents[2]
PARSE = """
import os, sys
from airflow.providers.amazon.aws.bundles.s3 import S3DagBundle
from airflow.dag_processing.dagbag import BundleDagBag

bundle = S3DagBundle(name="evergreen", bucket_name="code", prefix=sys.argv[1])
bundle.initialize()
bag = BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name="evergreen")
print(bag.import_errors, *sorted(bag.dags))
"""


@pytest.fixture
def keys(monkeypatch):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with moto_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield address


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "guides" / "minimal", folder / "include" / "models" / "minimal")
    shutil.copy(ROOT / ".airflowignore", folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def publish(folder):
    command = [sys.executable, str(ROOT / ".github" / "publish_bundle.py"), "s3://code/bundles"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_what_is_published_is_the_commit_and_stays_and_airflow_reads_it(project, keys, tmp_path):
    client = boto3.client("s3")
    client.create_bucket(Bucket="code")
    commit = git(project, "rev-parse", "HEAD")
    (project / "dags" / "uncommitted.py").write_text("raise SystemExit('never')\n")

    first, second = publish(project), publish(project)
    assert first.stdout == second.stdout == f"s3://code/bundles/{commit}\n", first.stderr + second.stderr
    assert "0 of them written now" in second.stderr
    listed = {each["Key"] for each in client.list_objects_v2(Bucket="code")["Contents"]}
    manifest = json.loads(client.get_object(Bucket="code", Key=f"bundles/{commit}/bundle.json")["Body"].read())
    assert listed == {f"bundles/{commit}/{name}" for name in (*manifest["files"], "bundle.json")}
    assert set(manifest["files"]) == set(git(project, "ls-files").split())

    connection = {
        "conn_type": "aws",
        "login": "x",
        "password": "x",
        "extra": {"endpoint_url": keys, "region_name": "us-east-1"},
    }
    own = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "bundles"),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "EVERGREEN_DEFINITIONS_IN_BUNDLE": "../include/models",
        "EVERGREEN_DEFINITIONS_DIR": str(tmp_path / "nothing"),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-c", PARSE, f"bundles/{commit}"]
    done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[-1].split()
    assert said[0] == "{}"
    assert {"evergreen.maintenance", "evergreen.sweep", "minimal.monitoring", "minimal.scoring", "minimal.training"} <= set(
        said[1:]
    )

    client.put_object(Bucket="code", Key=f"bundles/{commit}/dags/training.py", Body=b"changed")
    third = publish(project)
    assert third.returncode == 1
    assert "holds other bytes than this commit" in third.stderr
