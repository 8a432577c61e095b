"""The events DAG, whole: what is heard, asked for, started, and not started twice."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from event_stack import release_a_champion
from evergreen.registry.requests import RequestStore
from evergreen.settings import Settings

ROOT = Path(__file__).parents[2]
QUEUE = "http://localhost:4566/000000000000/landing"
EVENTS = f"""
events:
  landing: [{{starts: scoring}}, {{starts: training, tables: [orders]}}]
  queue: {{url: "{QUEUE}"}}
  folder: {{every: 1s}}
"""


class Shop:
    """The guide's small model, listening to events, in a home of its own."""

    def __init__(self, home: Path, name: str) -> None:
        self.name = name
        folder = home / "models" / name
        shutil.copytree(ROOT / "docs" / "guides" / "minimal", folder)
        text = (folder / "model.yaml").read_text().replace("name: minimal", f"name: {name}", 1)
        (folder / "model.yaml").write_text(text + EVENTS)
        self.settings = Settings(home=home, definitions_dir=home / "models")
        self.store = RequestStore(self.settings.database_url)
        self.asset = f"{name}.requests"

    def wake_up(self, **form):
        from evergreen.connect.in_process import run_dag

        addresses = {f"EVERGREEN_{key.upper()}": str(value) for key, value in self.settings.model_dump(mode="json").items()}
        with patch.dict(os.environ, addresses):
            outcome = run_dag(f"{self.name}.events", form)
        assert outcome.succeeded, outcome.errors
        return outcome

    def hear(self, *extras):
        """Write events into Airflow's table as its REST API and its triggerer do; no run is woken by them."""
        from airflow.assets.manager import asset_manager
        from airflow.models.asset import AssetModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            asset = session.scalars(select(AssetModel).where(AssetModel.name == self.asset)).one()
            for extra in extras:
                asset_manager.register_asset_change(asset=asset, extra=extra, session=session)

    def land(self, *days):
        folder = Path(self.settings.landing_uri) / self.name / "orders"
        folder.mkdir(parents=True, exist_ok=True)
        for day in days:
            (folder / f"{day}.parquet").write_bytes(b"x")

    def runs(self, kind):
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            found = session.scalars(select(DagRun).where(DagRun.dag_id == f"{self.name}.{kind}"))
            return {run.run_id: dict(run.conf) for run in found}


@pytest.fixture
def shop(tmp_path, airflow_home, request):
    return Shop(tmp_path, f"shop_{abs(hash(request.node.name)) % 10**8}")


def test_events_that_woke_no_run_are_taken_in_and_each_unit_is_started_once(shop):
    shop.wake_up()
    text = "{{ conn.get('aws_default') }}"
    shop.hear(
        {"starts": "scoring", "key": "a", "reason": text},
        {"starts": "scoring", "key": "a"},
        {"starts": "training", "key": "a", "params": {"trials": 2}},
        {"starts": "training", "key": "b", "params": {"trials": "many"}},
        {"starts": "training", "key": "c", "params": {"decision": "d" * 32}},
        {"starts": "fly"},
        {},
    )
    outcome = shop.wake_up()
    assert outcome.returned["take"] == {"heard": 7, "requests": 3, "refused": 3}
    requests = {(each.kind, each.key): each for each in shop.store.list(shop.name)}
    assert set(requests) == {("scoring", "a"), ("training", "a")}
    assert set(shop.runs("scoring")) == {requests["scoring", "a"].id}
    assert shop.runs("training")[requests["training", "a"].id]["trials"] == 2
    # A stranger's words are no template.
    assert shop.runs("scoring")[requests["scoring", "a"].id]["reason"] == text
    problems = "\n".join(each.problem for each in shop.store.refused(shop.name))
    assert all(word in problems for word in ("'trials'", "'decision'", "starts"))

    shop.hear({"starts": "scoring", "key": "a"})
    assert shop.wake_up().returned["start"] == {"begun": [], "known": []}
    assert len(shop.runs("scoring")) == len(shop.runs("training")) == 1
    assert shop.store.without_run(shop.name, limit=10) == []


def test_days_that_landed_start_work_though_nobody_spoke_of_them(shop):
    release_a_champion(shop.settings, shop.name)
    shop.land("2026-03-01", "2026-03-02", ".2026-03-03")
    outcome = shop.wake_up()
    assert outcome.returned["compare"]["missing"] == ["scoring 2026-03-01", "scoring 2026-03-02", "training 2026-03-02"]
    assert {run["as_of"] for run in shop.runs("scoring").values()} == {
        "2026-03-02T02:00:00+00:00",
        "2026-03-03T02:00:00+00:00",
    }
    assert shop.wake_up().returned["compare"]["missing"] == []


def test_a_run_that_airflow_has_already_is_left_alone_and_noted(shop):
    """As after a crash between the start of a run and the note of it."""
    shop.wake_up(starts="scoring", key="a")
    (run_id,) = shop.runs("scoring")
    with patch.object(RequestStore, "without_run", lambda store, model, limit: store.list(model)):
        outcome = shop.wake_up()
    assert outcome.returned["start"] == {"begun": [], "known": [run_id]}
    assert set(shop.runs("scoring")) == {run_id}


def test_a_message_stays_in_the_queue_until_it_is_written_down(shop, monkeypatch):
    import boto3
    from moto import mock_aws

    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "login": "x", "password": "x"}))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        sqs = boto3.client("sqs", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        url = sqs.create_queue(QueueName="landing")["QueueUrl"]
        model = shop.settings.definitions_dir / shop.name / "model.yaml"
        model.write_text(model.read_text().replace(QUEUE, url))
        shop.wake_up()
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"starts": "scoring", "key": "a"}))
        sqs.send_message(QueueUrl=url, MessageBody="nonsense")
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)["Messages"]
        assert in_flight(sqs, url) == 2
        shop.hear({"from_trigger": True, "payload": {"status": "success", "message_batch": received}})
        outcome = shop.wake_up()
        assert outcome.returned["take"] == {"heard": 2, "requests": 1, "refused": 1}
        assert in_flight(sqs, url) == 0


def in_flight(sqs, url):
    wanted = ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages"]
    values = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return sum(int(value) for value in values.values())


def test_the_dag_listens_to_queue_and_folder_and_wakes_by_itself(shop):
    from airflow.dag_processing.dagbag import DagBag

    addresses = {f"EVERGREEN_{key.upper()}": str(value) for key, value in shop.settings.model_dump(mode="json").items()}
    with patch.dict(os.environ, addresses):
        bag = DagBag(str(ROOT / "dags" / "events.py"))
    assert bag.import_errors == {}
    dag = bag.dags[f"{shop.name}.events"]
    watchers = {watcher.name: watcher.trigger.serialize() for watcher in dag.get_task("take").inlets[0].watchers}
    assert watchers["queue"][1]["delete_message_on_reception"] is False
    assert watchers["folder"][1] == {"folder": str(Path(shop.settings.landing_uri) / shop.name), "every_seconds": 1.0}
    assert dag.timetable.timetable.delta.total_seconds() == 600


def test_the_folder_speaks_at_first_and_after_a_change_only(tmp_path):
    from evergreen.connect.events.folder import LandingFolderTrigger

    async def listen() -> list[str]:
        trigger = LandingFolderTrigger(str(tmp_path), 0.01)
        events, heard = trigger.run(), []
        heard.append((await anext(events)).payload["folder"])
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        (tmp_path / "a.csv").write_text("")
        heard.append((await asyncio.wait_for(waiting, 5)).payload["folder"])
        await events.aclose()
        return heard

    assert asyncio.run(listen()) == [str(tmp_path)] * 2
