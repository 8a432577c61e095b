"""Requests are kept once, whoever writes them how often."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from evergreen.registry.requests import RefusedEvent, RequestStore, WorkRequest


def a_request(key="a", **changes):
    values = {
        "model": "shop",
        "kind": "scoring",
        "key": key,
        "as_of": datetime(2026, 3, 10, 3, tzinfo=UTC),
        "reason": "it landed",
        "params": {"force": True},
        "content_digest": "c" * 32,
        "source": "rest",
    }
    return WorkRequest.model_validate(values | changes)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'evergreen.db'}"


def test_the_first_request_of_a_key_stays(url):
    store = RequestStore(url)
    first = store.record([a_request()])
    again = store.record([a_request(reason="other", as_of=datetime(2026, 3, 11, 3, tzinfo=UTC))])
    assert first == again
    assert store.list("shop") == list(first.values())
    assert first[a_request().id].params == {"force": True}


def test_of_one_batch_the_first_counts(url):
    kept = RequestStore(url).record([a_request(reason="first"), a_request(reason="second")])
    assert [each.reason for each in kept.values()] == ["first"]


def test_a_request_waits_until_its_run_is_known_to_exist(url):
    store = RequestStore(url)
    store.record([a_request("a"), a_request("b")])
    store.record([a_request("c", model="other")])
    assert {each.key for each in store.without_run("shop", limit=10)} == {"a", "b"}
    for _ in range(2):
        store.mark_started([a_request("a").id])
    assert [each.key for each in store.without_run("shop", limit=10)] == ["b"]
    assert len(store.without_run("shop", limit=0)) == 0


def test_keys_tell_what_was_asked_for(url):
    store = RequestStore(url)
    store.record([a_request("a"), a_request("b", kind="training")])
    assert store.keys("shop", "scoring", ["a", "b", "c"]) == {"a"}


def test_refusals_are_kept_once(url):
    store = RequestStore(url)
    event = RefusedEvent(model="shop", source="rest", body="{}", problem="wrong")
    store.refuse([event, event])
    store.refuse([event])
    (kept,) = store.refused("shop")
    assert (kept.body, kept.problem, kept.refused_at is not None) == ("{}", "wrong", True)


def test_nothing_is_written_for_nothing(url):
    store = RequestStore(url)
    assert store.record([]) == {}
    store.refuse([])
    store.mark_started([])


def test_many_writers_of_the_same_requests_end_with_each_once(url):
    store, wanted, errors = RequestStore(url), [a_request(str(number)) for number in range(20)], []
    store.record([])
    start = threading.Barrier(6)

    def write(order):
        start.wait()
        try:
            RequestStore(url).record(order)
            RequestStore(url).mark_started([each.id for each in order])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(wanted[:: (-1) ** number],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(store.list("shop")) == 20
    assert store.without_run("shop", limit=100) == []


@pytest.mark.parametrize("table", ["evergreen_requests", "evergreen_request_starts", "evergreen_refused_events"])
def test_the_database_refuses_to_change_what_was_asked(url, table):
    store = RequestStore(url)
    store.record([a_request()])
    store.mark_started([a_request().id])
    store.refuse([RefusedEvent(model="shop", source="rest", body="{}", problem="wrong")])
    engine = create_engine(url)
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()
