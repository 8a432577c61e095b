"""A topic against a server that speaks as SNS does: what arrives, what is filtered, what is kept while it is down."""

import json
import shutil
import socket
import time
from dataclasses import replace

import pytest

from evergreen.cli.doctor import examine
from evergreen.cli.stack.layout import StackLayout
from evergreen.connect.alerts.incident import Message, of_run
from evergreen.definitions.alerts import Notify
from evergreen.registry.alerts import AlertStore
from evergreen.settings import PROJECT_ROOT, Settings
from integration.aws_stack import aws_client, aws_server

REGION, ACCOUNT = "eu-central-1", "123456789012"


@pytest.fixture(scope="module")
def aws():
    with aws_server() as url:
        yield url


@pytest.fixture(scope="module")
def dead():
    """An address where nobody listens, and one that takes connections and never answers."""
    with socket.socket() as closed, socket.socket() as silent:
        closed.bind(("127.0.0.1", 0))
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        yield {name: f"http://127.0.0.1:{each.getsockname()[1]}" for name, each in (("refuses", closed), ("silent", silent))}


class Topic:
    """A topic with a queue that hears it."""

    def __init__(self, aws, name, *, policy=None):
        fifo = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        self.sns, self.sqs = aws_client("sns", aws, region=REGION), aws_client("sqs", aws, region=REGION)
        self.arn = self.sns.create_topic(Name=name, Attributes=fifo)["TopicArn"]
        self.url = self.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if fifo else {})["QueueUrl"]
        attributes = {"FilterPolicy": json.dumps(policy)} if policy else {}
        self.sns.subscribe(
            TopicArn=self.arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", Attributes=attributes
        )

    def heard(self):
        """Return what the queue holds, and take it out."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


class Shop:
    """The guide's small model, whose alerts go to topics."""

    def __init__(self, home, monkeypatch, topics):
        shutil.copytree(PROJECT_ROOT / "docs" / "guides" / "minimal", home / "models" / "minimal")
        with (home / "models" / "minimal" / "model.yaml").open("a") as definition:
            definition.write(f"alerts: {{notify: [{{channel: sns, to: {json.dumps(topics)}}}]}}\n")
        self.settings = Settings(home=home, definitions_dir=home / "models")
        self.store = AlertStore(self.settings.database_url)
        self._monkeypatch = monkeypatch

    def connect(self, url):
        connection = {
            "conn_type": "aws",
            "login": "x",
            "password": "x",
            "extra": {"endpoint_url": url, "region_name": "us-east-1"},
        }
        self._monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    def scoring(self, failed_in):
        from evergreen.connect.alerts.occasions import tell

        link = "http://airflow/dags/minimal.scoring/runs/1"
        return [
            said.line for said in tell(of_run("minimal", "scoring", failed_in=failed_in, link=link), settings=self.settings)
        ]

    def sweep(self):
        from evergreen.connect.alerts.waiting import tell_what_waits

        return [said.line for said in tell_what_waits(self.settings)]

    def diagnosis(self, subject):
        return [
            found
            for found in examine(self.settings, StackLayout(self.settings.home, self.settings.home))
            if found.subject == subject
        ]


@pytest.fixture
def shop(tmp_path, monkeypatch, airflow_home):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return lambda *topics: Shop(tmp_path, monkeypatch, list(topics))


@pytest.mark.parametrize(("how", "seconds"), [("refuses", 8), ("silent", 20)])
def test_a_topic_that_is_down_costs_seconds_and_hears_of_it_later(aws, dead, shop, how, seconds):
    topic = Topic(aws, f"later-{how}")
    model = shop(topic.arn)
    model.connect(dead[how])
    began = time.monotonic()
    assert model.scoring("ingest") == ["sns: critical (not delivered)"]
    assert time.monotonic() - began < seconds
    model.connect(aws)
    [waiting] = model.diagnosis("alerts")
    assert waiting.severity == "warn"
    assert "[critical] minimal: scoring failed in ingest" in waiting.observation
    assert model.sweep() == ["sns: critical"]
    assert model.sweep() == model.scoring("ingest") == []
    [message] = topic.heard()
    assert message["Subject"] == "[critical] minimal: scoring failed in ingest"
    assert message["Message"].endswith("http://airflow/dags/minimal.scoring/runs/1")
    assert model.diagnosis("alerts")[0].severity == "good"


def test_one_topic_of_two_is_gone_and_the_other_hears_once(aws, shop):
    topic = Topic(aws, "there")
    model = shop(topic.arn, topic.arn.replace("there", "gone"))
    model.connect(aws)
    assert model.scoring("ingest") == ["sns: critical", "sns: critical (not delivered)"]
    assert model.sweep() == ["sns: critical (not delivered)"]
    assert len(topic.heard()) == 1
    [unsaid] = model.store.waiting()
    assert (unsaid.attempt, unsaid.error) == (2, "NotFoundException")
    assert [(found.severity, found.observation.rpartition(":")[2].strip()) for found in model.diagnosis("topic")] == [
        ("bad", "NotFound"),
        ("good", "there"),
    ]


def test_a_fifo_topic_takes_a_message_once_whatever_became_of_the_answer(aws, shop):
    from evergreen.connect.alerts.channels import deliver

    topic = Topic(aws, "order.fifo")
    model = shop(topic.arn)
    model.connect(aws)
    way = Notify(channel="sns", to=(topic.arn,))
    message = Message("minimal", "run:scoring", "critical", "[critical] minimal: scoring failed", (), "", "a" * 32)
    for _ in range(2):  # the answer to the first got lost, say
        deliver(way, message, model.settings)
    deliver(way, replace(message, id="b" * 32), model.settings)
    assert [heard["MessageAttributes"]["id"]["Value"] for heard in topic.heard()] == ["a" * 32, "b" * 32]
    assert topic.heard() == []


def test_a_subscription_takes_what_its_filter_asks_for(aws, shop):
    topic = Topic(aws, "pager", policy={"level": ["critical"], "incident": [{"prefix": "run:"}]})
    model = shop(topic.arn)
    model.connect(aws)
    assert model.scoring("ingest") == ["sns: critical"]
    assert model.scoring(None) == ["sns: recovered"]
    assert [message["MessageAttributes"]["level"]["Value"] for message in topic.heard()] == ["critical"]


def test_a_connection_that_airflow_does_not_know_fails_no_night(aws, shop, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AIRFLOW_CONN_AWS_DEFAULT"):
        monkeypatch.delenv(name, raising=False)
    model = shop(f"arn:aws:sns:{REGION}:{ACCOUNT}:any")
    assert model.scoring("ingest") == ["sns: critical (not delivered)"]
