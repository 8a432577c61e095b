"""SageMaker in the DAGs: tasks only where a definition asks for it, a wait that holds no worker, an end that was looked at."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from evergreen.connect.run import Run
from evergreen.errors import DeploymentError
from evergreen.registry.releases import ReleaseRegistry
from moto_server import moto_server
from released_models import MODEL, Nowhere
from sagemaker_world import BUCKET, ENDPOINT, SageMakerWorld, a_plan, airflow_connection, client, fill_in

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dags_of(tmp_path, monkeypatch):
    """The DAGs of a model whose definition is changed."""

    def parse(**release):
        import shutil

        import yaml
        from airflow.dag_processing.dagbag import DagBag

        folder = shutil.copytree(ROOT / "docs" / "guides" / "minimal", tmp_path / "models" / "minimal")
        values = yaml.safe_load((folder / "model.yaml").read_text())
        (folder / "model.yaml").write_text(yaml.safe_dump({**values, "release": release}))
        monkeypatch.setenv("EVERGREEN_DEFINITIONS_DIR", str(tmp_path / "models"))
        bag = DagBag(str(ROOT / "dags"))
        assert not bag.import_errors
        return bag.dags

    return parse


def test_a_definition_with_an_endpoint_has_a_task_that_follows_the_champion(dags_of):
    dags = dags_of(**a_plan("canary"))
    before = {"training": "materialize", "scoring": "materialize", "monitoring": "roll_back"}
    before |= {"promote": "promote", "rollback": "rollback"}
    for kind, task in before.items():
        dag = dags[f"minimal.{kind}"]
        assert dag.get_task("endpoint").upstream_task_ids == {task}
        assert dag.get_task("endpoint").retry_policy is not None
    training = dags["minimal.training"]
    assert training.get_task("endpoint").downstream_task_ids == {"clean_up"}
    assert not training.has_task("prepare"), "the gateway tries nothing out"
    assert set(dags["minimal.transform"].params) == {"input_uri", "output_uri"}


def test_neither_the_amazon_provider_nor_boto_is_imported_to_parse_it():
    code = (
        "import sys; import evergreen.connect.sagemaker;"
        "heavy = ('airflow.providers.amazon.aws', 'boto', 'aiobotocore', 'evergreen.sagemaker');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def aws(monkeypatch):
    """SageMaker as moto plays it, with what moto leaves out, and Airflow's connection to it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    fill_in(monkeypatch)
    with moto_server() as url:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", airflow_connection(url))
        yield url


@pytest.fixture
def world(aws, tmp_path, monkeypatch):
    """A model of releases, a bucket for its packages, and a run of the model's DAG that knows both."""
    client("s3", aws).create_bucket(Bucket=BUCKET)
    found = SageMakerWorld(tmp_path, aws)
    found.says = partial(have_endpoint_say, aws)
    found.told = partial(told_here, found)
    run = Run(found.definition, found.settings, datetime.now(UTC), force=False, dry_run=False, reason="test", run_id="r1")
    monkeypatch.setattr("evergreen.connect.run.current_run", lambda: run)
    # MLflow's labels follow the timeline, and take seconds to import.
    monkeypatch.setattr("evergreen.registry.releases.MlflowAliases", lambda settings: Nowhere())
    return found


class Instance:
    """A task instance: what earlier tasks returned, and what this one keeps."""

    def __init__(self, **returned):
        self.returned, self.kept = returned, {}

    def xcom_pull(self, task_ids, key="return_value"):
        return self.returned[task_ids] if key == "return_value" else self.kept.get(key)

    def xcom_push(self, key, value):
        self.kept[key] = value


def have_endpoint_say(url, probabilities):
    """Have moto's endpoint answer so from now on; to the same question it says the same for ever, unless it forgets."""
    from moto.sagemakerruntime.models import sagemakerruntime_backends

    sagemakerruntime_backends["123456789012"]["us-east-1"].results.clear()
    body = json.dumps({"predictions": [{"probability": one} for one in probabilities]})
    results = {"results": [{"Body": body, "ContentType": "application/json"}]}
    asking = urllib.request.Request(f"{url}/moto-api/static/sagemaker/endpoint-results", method="POST")
    asking.add_header("content-type", "application/json")
    urllib.request.urlopen(asking, json.dumps(results).encode(), timeout=10).close()


def told_here(world, version):
    """What a version says of the rows that the endpoint is asked about."""
    from evergreen.connect.endpoint_answers import _said_here
    from evergreen.sagemaker.packing import put_package

    found = ReleaseRegistry(world.settings).version(MODEL, version)
    return _said_here(world.definition, world.settings, put_package(world.definition, found, world.settings))[1]


@contextmanager
def waiting():
    """Catch what a task waits for."""
    from airflow.sdk.exceptions import TaskDeferred

    found = SimpleNamespace()
    with pytest.raises(TaskDeferred) as caught:
        yield found
    found.trigger, found.method = caught.value.trigger, caught.value.method_name


def test_the_task_waits_in_the_triggerer_and_looks_itself_when_it_is_woken(world):
    from moto.sagemaker.models import sagemaker_backends

    from evergreen.connect.sagemaker import FollowChampion

    world.release()
    task = FollowChampion(task_id="endpoint", own_release="release")
    context = {"ti": Instance(release={"version": "1"})}
    with waiting() as first:
        task.execute(context)
    assert type(first.trigger).__name__ == "TimeDeltaTrigger"
    at_work = sagemaker_backends["123456789012"]["us-east-1"].endpoints[ENDPOINT]
    at_work.endpoint_status = "Creating"
    with waiting() as wait:
        getattr(task, first.method)(context, None)
    at_work.endpoint_status = "InService"
    name, arguments = wait.trigger.serialize()
    assert (name.rpartition(".")[2], arguments["job_name"], arguments["job_type"]) == ("SageMakerTrigger", ENDPOINT, "endpoint")

    async def first_event():
        return await anext(wait.trigger.run())

    event = asyncio.run(first_event())
    assert event.payload["status"] == "success"
    world.says([0.25])
    with pytest.raises(DeploymentError, match="not brought to the release") as caught:
        getattr(task, wait.method)(context, event.payload)
    assert "it says [0.25]" in caught.value.found
    world.says(world.told("1"))
    found = getattr(task, wait.method)(context, event.payload)
    assert (found["endpoint"], found["version"]) == (ENDPOINT, "1")


def test_what_the_trigger_says_counts_for_nothing(world):
    from evergreen.connect.sagemaker import FollowChampion

    world.release()
    world.bring()
    world.release()
    task = FollowChampion(task_id="endpoint")
    context = {"ti": Instance()}
    with waiting():
        task.execute(context)
    # SageMaker went back to the configuration before, and is InService again: that is success to a waiter.
    before = world.sagemaker.list_endpoint_configs(SortBy="CreationTime", SortOrder="Ascending")["EndpointConfigs"][0]
    world.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=before["EndpointConfigName"])
    world.says(world.told("1"))
    with pytest.raises(DeploymentError, match="taken back") as caught:
        task.look_again(context, {"status": "success"})
    assert "SageMaker went back" in caught.value.found
    assert world.model.champion == "1"


def test_a_transform_waits_in_the_triggerer_and_describes_its_job_itself(world, monkeypatch):
    from moto.sagemaker.models import sagemaker_backends

    from evergreen.connect.sagemaker import Transform

    asked = {"input_uri": f"s3://{BUCKET}/asked", "output_uri": f"s3://{BUCKET}/said"}
    monkeypatch.setattr("evergreen.connect.run.asked_for", asked.get)
    world.release()
    world.s3.put_object(Bucket=BUCKET, Key="asked/one.jsonl", Body=b'{"instances": [{"id": "a"}]}\n')
    task, context = Transform(task_id="transform"), {"ti": Instance()}
    with pytest.raises(DeploymentError, match="not complete"):
        task.execute(context)
    (job,) = sagemaker_backends["123456789012"]["us-east-1"].transform_jobs.values()
    job.transform_job_status = "InProgress"
    with waiting() as wait:
        task.execute(context)
    assert wait.trigger.serialize()[1]["job_name"] == job.transform_job_name
    job.transform_job_status, job.failure_reason = "Failed", "AlgorithmError"
    with pytest.raises(DeploymentError, match="did not complete") as caught:
        task.look_again(context, {"status": "success"})  # what once was called a success (airflow#69042)
    assert "AlgorithmError" in caught.value.found


def test_a_transform_that_completed_without_its_answers_is_red(world, monkeypatch):
    from evergreen.connect.sagemaker import Transform

    asked = {"input_uri": f"s3://{BUCKET}/asked", "output_uri": f"s3://{BUCKET}/said"}
    monkeypatch.setattr("evergreen.connect.run.asked_for", asked.get)
    world.release()
    body = b'{"instances": [{"id": "a"}, {"id": "b"}]}\n{"instances": [{"id": "c"}]}\n'
    world.s3.put_object(Bucket=BUCKET, Key="asked/one.jsonl", Body=body)
    task = Transform(task_id="transform")
    with pytest.raises(DeploymentError, match="its answers are not complete"):
        task.execute({})
    (job,) = world.sagemaker.list_transform_jobs()["TransformJobSummaries"]
    key = f"said/{job['TransformJobName']}/one.jsonl.out"
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b'{"predictions": [0, 1]}\n{"predictions": []}\n')
    with pytest.raises(DeploymentError, match="not complete") as caught:
        task.execute({})
    assert "line 2: 0 predictions" in caught.value.found
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b'{"predictions": [0, 1]}\n{"predictions": [1]}\n')
    found = task.execute({})
    assert (found["files"], found["rows"]) == (1, 3)
    assert len(world.sagemaker.list_transform_jobs()["TransformJobSummaries"]) == 1, "the same again starts nothing"
