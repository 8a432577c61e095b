"""With Airflow's own components and a server that speaks as AWS does: every setting that the production guide prints works.

The settings are read from the guide and from docker/compose.yaml, so that neither can say what is not so.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from event_stack import wait_until
from integration.aws_stack import LOG_GROUP, AwsStack, LineageServer, aws_client, aws_server
from integration.guide_settings import settings_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
TOPIC = "arn:aws:sns:eu-central-1:123456789012:shop"
ALERTS = f"""
alerts:
  notify:
    - {{channel: sns, to: ["{TOPIC}"]}}
"""
BIG = """
import logging
from airflow.sdk import DAG, task

with DAG("big", catchup=False):

    @task
    def make():
        logging.getLogger(__name__).warning("made in %s", "a log of its own")
        return {"rows": list(range(20_000))}

    @task
    def take(made):
        return len(made["rows"])

    take(make())
"""
FIRST = date(2026, 1, 1)
GROUP_IN_GUIDE = "arn:aws:logs:eu-central-1:123456789012:log-group:airflow-tasks"


def compose_settings(*prefixes):
    environment = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["x-airflow-environment"]
    return {name: str(value) for name, value in environment.items() if name.startswith(prefixes)}


@pytest.fixture(scope="module")
def aws():
    with aws_server() as url:
        for bucket in ("airflow-logs", "airflow-xcom", "evergreen"):
            aws_client("s3", url).create_bucket(Bucket=bucket)
        aws_client("logs", url).create_log_group(logGroupName="airflow-tasks")
        yield url


@pytest.fixture(scope="module")
def queue(aws):
    """A queue that hears what the topic is told; the topic is in another region than everything else."""
    sqs = aws_client("sqs", aws, region="eu-central-1")
    url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    sns = aws_client("sns", aws, region="eu-central-1")
    assert sns.create_topic(Name="shop")["TopicArn"] == TOPIC
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:alerts")

    def receive(count):
        heard = []

        def enough():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                heard.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(heard) >= count

        wait_until(enough, 30, f"{count} messages")
        return heard

    return receive


@pytest.fixture(scope="module")
def lineage():
    with LineageServer() as server:
        yield server


@pytest.fixture(scope="module")
def stack(aws, queue, lineage, tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "docs" / "guides" / "minimal", models / "minimal")
    definition = models / "minimal" / "model.yaml"
    by_hand = "  timezone: Europe/Berlin\n  scoring: manual\n  training: manual\n  monitoring: manual\n"
    definition.write_text(definition.read_text().replace("  timezone: Europe/Berlin\n", by_hand, 1) + ALERTS)
    settings = {
        **compose_settings("AIRFLOW__LOGGING__REMOTE", "AIRFLOW__LOGGING__DELETE", "AIRFLOW__CORE__XCOM", "AIRFLOW__COMMON_IO"),
        **settings_in("production.md", "Logs", **{GROUP_IN_GUIDE: LOG_GROUP}),
        **settings_in("production.md", "Secrets"),
        **settings_in("production.md", "Lineage", **{"https://marquez.example.com": lineage.url}),
        "EVERGREEN_DEFINITIONS_DIR": str(models),
        "EVERGREEN_S3_ENDPOINT_URL": aws,
        **{
            f"EVERGREEN_{name}_URI": f"s3://evergreen/{name.lower()}"
            for name in ("LANDING", "TABLES", "ARTIFACTS", "RESULTS", "REPORTS")
        },
    }
    dags = {"big.py": BIG, "scoring.py": (ROOT / "dags" / "scoring.py").read_text()}
    with AwsStack(aws, dags=dags, settings=settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def runs(stack, aws):
    """What Airflow ran: a night without data, one with data, and beside them a task with a large result."""
    with ThreadPoolExecutor(1) as beside:
        big = beside.submit(stack.run, "big", "one")
        failed = stack.run("minimal.scoring", "empty", {"as_of": "2026-01-20"})
        land_orders(aws)
        landed = stack.run("minimal.scoring", "landed", {"as_of": "2026-01-20"})
        return {"big": big.result(), "empty": failed, "landed": landed}


def land_orders(aws):
    s3 = aws_client("s3", aws)
    for offset in range(19):
        day = FIRST + timedelta(days=offset)
        moments = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in range(8, 20)]
        ids = [f"{day}-{hour}" for hour in range(len(moments))]
        known = {"order_id": ids, "ordered_at": pa.array(moments, pa.timestamp("us", "UTC"))}
        rows = {
            "orders": {**known, "country": ["de", "fr"] * 6, "amount": [10.0 + hour for hour in range(12)]},
            "returns": {**known, "returned": [hour % 3 == 0 for hour in range(12)]},
        }
        for table, columns in rows.items():
            buffer = io.BytesIO()
            pq.write_table(pa.table(columns), buffer)
            s3.put_object(Bucket="evergreen", Key=f"landing/minimal/{table}/{day}.parquet", Body=buffer.getvalue())


def keys_in(aws, bucket):
    return [found["Key"] for found in aws_client("s3", aws).list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_every_run_ended_as_it_should(runs):
    assert runs == {"big": "success", "empty": "failed", "landed": "success"}


def test_database_key_and_connection_come_from_secrets_manager(stack, runs):
    named = {
        name for name in stack.environment if name.startswith(("AIRFLOW_CONN", "AIRFLOW__DATABASE", "AIRFLOW__CORE__FERNET"))
    }
    assert named == {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET", "AIRFLOW__CORE__FERNET_KEY_SECRET"}
    assert (stack.home / "airflow.db").stat().st_size > 100_000


def test_a_tasks_log_lies_in_cloudwatch_alone_and_airflow_shows_it(stack, aws, runs):
    logs = aws_client("logs", aws)
    streams = {stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="airflow-tasks")["logStreams"]}
    assert "dag_id=big/run_id=one/task_id=make/attempt=1.log" in streams
    assert not list((stack.home / "airflow" / "logs").rglob("dag_id=*/**/*.log"))
    shown = stack.log("big", "one", "make")
    assert "made in a log of its own" in shown
    assert "Reading remote log from Cloudwatch" in shown


def test_the_compose_files_settings_send_a_log_to_s3_and_read_it_from_there(aws, tmp_path, monkeypatch):
    from airflow.providers.amazon.aws.log.s3_task_handler import S3RemoteLogIO

    connection = {"conn_type": "aws", "login": "x", "password": "x", "extra": {"endpoint_url": aws}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    for name, value in compose_settings("AIRFLOW__LOGGING__REMOTE", "AIRFLOW__LOGGING__DELETE").items():
        monkeypatch.setenv(name, value)
    path = Path("dag_id=big/run_id=one/task_id=make/attempt=1.log")
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("a line\n")
    remote = S3RemoteLogIO.from_config()
    remote.upload(path, None)
    assert not (tmp_path / path).exists()
    assert keys_in(aws, "airflow-logs") == [f"tasks/{path}"]
    assert "a line" in "".join(remote.read(str(path), None)[1])


def test_a_large_result_goes_through_s3_and_a_small_one_does_not(stack, aws, runs):
    kept = keys_in(aws, "airflow-xcom")
    assert len(kept) == 1
    assert re.fullmatch(r"xcom/big/one/make/[0-9a-f-]{36}", kept[0])
    entry = stack.call("GET", "/api/v2/dags/big/dagRuns/one/taskInstances/take/xcomEntries/return_value")
    assert entry["value"] == 20_000


def test_a_topic_hears_of_a_failed_run_once_and_of_its_end(queue, runs):
    failed, recovered = sorted(queue(2), key=lambda message: message["MessageAttributes"]["level"]["Value"])
    assert failed["Subject"] == "[critical] minimal: scoring failed in ingest"
    assert failed["TopicArn"] == TOPIC
    assert {name: each["Value"] for name, each in failed["MessageAttributes"].items() if name != "id"} == {
        "model": "minimal",
        "incident": "run:scoring",
        "level": "critical",
    }
    assert re.fullmatch("[0-9a-f]{32}", failed["MessageAttributes"]["id"]["Value"])
    lines = failed["Message"].splitlines()
    assert lines[0] == failed["Subject"]
    assert lines[-1].endswith("/dags/minimal.scoring/runs/empty")
    assert recovered["Subject"] == "[recovered] minimal: scoring ran again"


def test_lineage_tells_of_runs_and_tasks_in_our_namespace(lineage, runs):
    wait_until(lambda: lineage.of("minimal.scoring", "COMPLETE"), 20, "the run's end")
    assert {event["job"]["namespace"] for event in lineage.events} == {"evergreen"}
    for job, kind, count in (
        ("minimal.scoring", "START", 2),
        ("minimal.scoring", "COMPLETE", 1),
        ("minimal.scoring", "FAIL", 1),
        ("minimal.scoring.ingest", "START", 2),
        ("minimal.scoring.ingest", "COMPLETE", 1),
        ("minimal.scoring.ingest", "FAIL", 1),
        ("minimal.scoring.validate", "COMPLETE", 1),
    ):
        assert len(lineage.of(job, kind)) == count, (job, kind)


def test_lineage_says_which_tables_came_from_where(lineage, runs):
    [ingested] = lineage.of("minimal.scoring.ingest", "COMPLETE")
    assert [(each["namespace"], each["name"]) for each in ingested["inputs"]] == [("s3://evergreen", "landing/minimal")]
    written = {each["name"]: each for each in ingested["outputs"]}
    assert set(written) == {"tables/minimal/raw/orders", "tables/minimal/raw/returns"}
    orders = written["tables/minimal/raw/orders"]
    assert orders["facets"]["version"]["datasetVersion"] == "0"
    assert orders["outputFacets"]["outputStatistics"]["rowCount"] == 19 * 12
    [validated] = lineage.of("minimal.scoring.validate", "COMPLETE")
    assert {each["name"] for each in validated["inputs"]} == set(written)
    [failed] = lineage.of("minimal.scoring.ingest", "FAIL")
    assert failed["outputs"] == []
