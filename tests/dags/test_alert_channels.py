"""Every way to tell somebody, against a server of its own: nothing from the data is run, rendered or sent as markup."""

import email
import email.policy
import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evergreen.connect.alerts.channels import LOG_NAME, deliver, webhook_url
from evergreen.connect.alerts.incident import Incident, message_of
from evergreen.definitions.alerts import Notify
from evergreen.errors import RequestError
from evergreen.settings import Settings

SECRET = "hunter2"
MESSAGE = message_of(
    Incident(
        model="m",
        key="monitoring",
        state="critical",
        subject="m: upstream fault, quarantine",
        lines=("{{ 7 * 7 }} and {{ conn.smtp_test.password }} in <b>carrier</b>",),
        link="http://airflow/evergreen/reports/m/monitoring/x.html",
    ),
    "critical",
    again=False,
)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def connect(monkeypatch, connection_id, **parts):
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(parts))


class _Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as a client that sends one mail speaks."""

    def handle(self):
        def say(text):
            self.wfile.write(text.encode() + b"\r\n")

        say("220 sink")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().upper()
            if verb == b"DATA":
                say("354 go on")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.received.append(b"".join(lines))
                say("250 kept")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                self.server.said.append(line.decode().strip())
                say("250 ok")


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, *_):
        pass


def _serve(server):
    server.received, server.said, server.answers = [], [], 200
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def smtp():
    yield from _serve(socketserver.TCPServer(("127.0.0.1", 0), _Smtp))


@pytest.fixture
def webhook():
    yield from _serve(HTTPServer(("127.0.0.1", 0), _Webhook))


def test_the_log_gets_one_line_of_json_per_message(settings):
    for _ in range(2):
        deliver(Notify(channel="log"), MESSAGE, settings)
    lines = (settings.home / LOG_NAME).read_text().splitlines()
    assert len(lines) == 2
    line = json.loads(lines[0])
    assert line["subject"] == "[critical] m: upstream fault, quarantine"
    assert line["lines"] == list(MESSAGE.lines)
    assert line["link"] == MESSAGE.link


def test_a_mail_arrives_with_its_text_as_it_is(settings, smtp, monkeypatch):
    connect(
        monkeypatch,
        "smtp_test",
        conn_type="smtp",
        host="127.0.0.1",
        port=smtp.server_address[1],
        extra={"disable_ssl": True, "disable_tls": True, "from_email": "evergreen@example.org"},
    )
    way = Notify(channel="email", connection="smtp_test", to=("one@example.org", "two@example.org"))
    deliver(way, MESSAGE, settings)
    [received] = smtp.received
    mail = email.message_from_bytes(received, policy=email.policy.default)
    body = mail.get_body(("html",)).get_content()
    assert mail["Subject"] == "[critical] m: upstream fault, quarantine"
    assert "{{ 7 * 7 }} and {{ conn.smtp_test.password }}" in body
    assert "&lt;b&gt;carrier&lt;/b&gt;" in body
    assert MESSAGE.link in body
    assert len([line for line in smtp.said if line.lower().startswith("rcpt")]) == 2


def test_a_webhook_gets_the_text_and_its_secret_stays_in_the_address(settings, webhook, monkeypatch):
    connect(
        monkeypatch, "slack_test", conn_type="http", host="127.0.0.1", port=webhook.server_address[1], password=f"T/{SECRET}"
    )
    deliver(Notify(channel="slack", connection="slack_test"), MESSAGE, settings)
    [(path, body)] = webhook.received
    assert path == f"/T/{SECRET}"
    assert SECRET not in json.dumps(body)
    assert "&lt;b&gt;carrier&lt;/b&gt;" in body["text"]
    assert "{{ 7 * 7 }}" in body["text"]


def test_a_webhook_that_refuses_is_an_error_without_its_address(settings, webhook, monkeypatch):
    webhook.answers = 404
    connect(
        monkeypatch, "slack_test", conn_type="http", host="127.0.0.1", port=webhook.server_address[1], password=f"T/{SECRET}"
    )
    with pytest.raises(RequestError) as caught:
        deliver(Notify(channel="slack", connection="slack_test"), MESSAGE, settings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({"conn_type": "slackwebhook", "host": "hooks.slack.com/services", "password": "T/B/x"}, "https://hooks.slack.com/services/T/B/x"),
        ({"conn_type": "http", "host": "https://chat.example.org/hook/abc"}, "https://chat.example.org/hook/abc"),
        ({"conn_type": "http", "host": "127.0.0.1", "port": 81, "schema": "http"}, "http://127.0.0.1:81"),
    ],
)  # fmt: skip
def test_what_a_webhook_connection_means(parts, url):
    from airflow.sdk import Connection

    assert webhook_url(Connection(conn_id="c", **parts)) == url


@pytest.mark.filterwarnings("ignore")  # moto's and botocore's own
def test_a_topic_gets_the_text_with_a_subject_it_takes(settings, monkeypatch):
    import boto3
    from moto import mock_aws

    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    connect(monkeypatch, "aws_test", conn_type="aws", login="x", password="x", extra={"region_name": "us-east-1"})
    with mock_aws():
        topic = boto3.client("sns", region_name="us-east-1").create_topic(Name="alerts")["TopicArn"]
        queue = boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="q")["QueueUrl"]
        boto3.client("sns", region_name="us-east-1").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q"
        )
        deliver(Notify(channel="sns", connection="aws_test", to=(topic,)), MESSAGE, settings)
        [received] = boto3.client("sqs", region_name="us-east-1").receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(received["Body"])
    assert body["Subject"] == MESSAGE.subject
    assert body["Message"] == MESSAGE.text
