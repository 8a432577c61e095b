"""The loop of the demo on PostgreSQL, Redis, two Celery workers, Ceph's S3 and MLflow with users: what does it decide?"""

from datetime import UTC, datetime

import pytest

from evergreen.registry.decisions import DecisionStore
from evergreen.registry.nights import NightStore

MODEL = "flight_delays"
LIMIT_SECONDS = 6000


@pytest.mark.timeout(LIMIT_SECONDS)
def test_it_decides_and_computes_what_the_embedded_default_does(told, embedded):
    print(f"\ndemo: production {told.seconds:.0f} s, embedded with its start and stop {embedded.told.seconds:.0f} s")
    there, here = told.outcome, embedded.told.outcome
    assert [one["outcome"] for one in here.decided["decisions"]] == ["promote", "promote"]
    assert len(here.decided["nights"]) == 3
    assert all(here.computed.values()), "every table has days"
    for name, rows in here.decided.items():
        assert there.decided[name] == rows, name
    assert there.computed == here.computed


@pytest.mark.timeout(LIMIT_SECONDS)
def test_nothing_had_to_be_started_again(told):
    assert told.started_again == {}


@pytest.mark.timeout(LIMIT_SECONDS)
def test_both_workers_had_their_share(told, production):
    for name in ("worker-light", "worker-train"):
        log = (production.home / f"{name}.log").read_text(encoding="utf-8")
        assert "succeeded" in log, name
        assert "libraries of the tasks loaded" in log, name


@pytest.mark.timeout(LIMIT_SECONDS)
def test_mlflow_shows_its_models_to_nobody_without_a_password(told, production):
    production.wait_for_mlflow()
    address = f"{production.urls['mlflow']}/api/2.0/mlflow/registered-models/search"
    assert production.session.get(address, timeout=20).status_code == 401
    allowed = production.session.get(address, timeout=20, auth=("gateway", production.secrets["MLFLOW_GATEWAY_PASSWORD"]))
    assert MODEL in [one["name"] for one in allowed.json()["registered_models"]]


@pytest.mark.timeout(LIMIT_SECONDS)
def test_status_and_replay_read_the_same_stores(told, production, production_settings):
    assert "champion" in production.evergreen("status", MODEL)
    url = production_settings.database_url
    verdicts = [record.id for record in DecisionStore(url).list(MODEL)]
    nights = [night.decision_id for night in NightStore(url).nights(MODEL, before=datetime.now(UTC), limit=100)]
    assert len(verdicts) >= len(told.outcome.decided["decisions"])
    assert len(nights) >= len(told.outcome.decided["nights"])
    for one in [*verdicts, *nights]:
        assert "the same, word for word" in production.evergreen("replay", one)
    with pytest.raises(AssertionError, match="no decision"):
        production.evergreen("replay", "0" * 32)
