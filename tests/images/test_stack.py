"""The stack of docker/compose.yaml, really running: hardened, healthy, and able to train, score and answer."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

MODEL = "flight_delays"
DEMO_LIMIT_SECONDS = 3000
OURS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-light", "worker-train", "gateway", "mlflow")
REQUEST = {
    "flight_id": "2013-04-02-UA-1545-EWR",
    "scheduled_departure": "2013-04-02T09:15:00Z",
    "scheduled_arrival_local": 830,
    "carrier": "UA",
    "flight": 1545,
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "distance": 1400,
}


def answer(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=20) as got:
        return got.read().decode()


def refusal(url, body=None):
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(url, body)
    refused.value.close()
    return refused.value.code


def eventually(ask, limit_seconds=90.0):
    """Return what `ask` returns once a server has something to say: nothing, and a refusal, are not yet an answer."""
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        try:
            if got := ask():
                return got
        except urllib.error.HTTPError as not_yet:
            not_yet.close()
        time.sleep(1)
    return ask()


def test_every_container_is_hardened(stack):
    containers = stack.containers()
    assert set(OURS) <= set(containers)
    for name, container in containers.items():
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert container["Config"]["User"].split(":")[0].isdigit(), name
        assert not container["Config"]["User"].startswith("0"), name
        assert not container["State"]["OOMKilled"], name
        for bindings in host["PortBindings"].values():
            assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}, name


@pytest.mark.parametrize("service", OURS)
def test_nothing_of_the_image_can_be_written(stack, service):
    assert stack.execute(service, "id", "-u").stdout.strip() == "50000"
    for place in ("/written", "/opt/venv/written", "/opt/evergreen/written"):
        tried = stack.execute(service, "touch", place, check=False)
        assert tried.returncode != 0, place
        assert "Read-only file system" in tried.stderr, place


def test_mlflow_asks_who_is_there(stack):
    address = f"{stack.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert refusal(address) == 401


@pytest.mark.timeout(DEMO_LIMIT_SECONDS)
def test_the_demo_is_told_inside(stack):
    """As the guide says it: landing files to a retrained champion, with the gateway asked after every release."""
    key = stack.execute("gateway", "evergreen", "key", "new", "demo", "--models", MODEL, "--read").stdout.strip()
    variables = {"EVERGREEN_GATEWAY_KEY": key, "EVERGREEN_AIRFLOW_PASSWORD": stack.secrets["AIRFLOW_ADMIN_PASSWORD"]}
    named = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    story = ["evergreen", "demo", "--airflow-url", "http://api-server:8080", "--gateway-url", "http://gateway:8082"]
    told = stack.compose("exec", "-T", *named, "worker-light", *story).stdout
    print(told)
    for version in (1, 2):
        assert f"released: version {version} is champion" in told
        assert f"answered by version {version}" in told


def test_the_gateway_answers_whoever_has_a_key(stack):
    address = f"{stack.gateway_url}/models/{MODEL}/predict"
    assert refusal(address, REQUEST) == 401
    key = stack.execute("gateway", "evergreen", "key", "new", "shop", "--models", MODEL).stdout.strip()
    got = eventually(lambda: json.loads(answer(address, REQUEST, authorization=f"Bearer {key}")))
    assert got["release_version"] == "2"
    assert 0 < got["predictions"][0]["probability"] < 1
    assert got["predictions"][0]["key"] == REQUEST["flight_id"]


def test_trainings_ran_on_their_own_worker(stack):
    light = stack.compose("logs", "--no-log-prefix", "worker-light").stdout
    train = stack.compose("logs", "--no-log-prefix", "worker-train").stdout
    assert "succeeded" in light
    assert "succeeded" in train


def test_logs_of_tasks_are_in_s3(stack):
    listed = stack.execute(
        "worker-light",
        "python",
        "-c",
        "import boto3, os; s3 = boto3.client('s3', endpoint_url=os.environ['EVERGREEN_S3_ENDPOINT_URL']);"
        "print(*(one['Key'] for one in s3.list_objects_v2(Bucket='airflow-logs')['Contents']), sep='\\n')",
    ).stdout
    assert f"dag_id={MODEL}.training" in listed


def test_prometheus_sees_the_gateway(stack):
    asked = urllib.parse.quote(f'evergreen_gateway_requests_total{{model="{MODEL}",status="200"}} > 0')
    assert eventually(lambda: json.loads(answer(f"{stack.prometheus_url}/api/v1/query?query={asked}"))["data"]["result"])


def test_airflow_sends_its_metrics(stack):
    names = stack.execute(
        "statsd", "python", "-c", "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9102/').read().decode())"
    )
    seen = set(names.stdout.split())
    assert {"airflow.ti_successes", "airflow.scheduler_heartbeat", f"airflow.dagrun.duration.success.{MODEL}__training"} <= seen
