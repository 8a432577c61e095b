"""Requests are kept once on PostgreSQL as well, by many writers at a time."""

import threading

import pytest

from event_stack import POSTGRESQL, postgresql_server
from evergreen.registry.requests import RefusedEvent, RequestStore
from unit.registry.test_requests import a_request

WRITERS = 8


@pytest.fixture(scope="module")
def url():
    if not POSTGRESQL.is_dir():
        pytest.skip("PostgreSQL's server programs are not installed here (apt install postgresql); CI has them")
    with postgresql_server() as server:
        yield f"postgresql+psycopg://evergreen@{server}/evergreen"


def test_many_writers_of_the_same_requests_end_with_each_once(url):
    wanted, errors = [a_request(str(number)) for number in range(30)], []
    start = threading.Barrier(WRITERS)

    def write(order):
        start.wait()
        try:
            for each in order:
                RequestStore(url).record([each])
            RequestStore(url).record(order)
            RequestStore(url).mark_started([each.id for each in order])
            RequestStore(url).refuse([RefusedEvent(model="shop", source="rest", body="{}", problem="wrong")])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(wanted[:: (-1) ** number],)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    store = RequestStore(url)
    assert len(store.list("shop")) == 30
    assert store.without_run("shop", limit=100) == []
    assert len(store.refused("shop")) == 1


def test_values_come_back_as_they_went_in(url):
    (kept,) = RequestStore(url).record([a_request("values", model="other", params={"trials": 3, "force": True})]).values()
    assert kept.model_copy(update={"requested_at": None}) == a_request(
        "values", model="other", params={"trials": 3, "force": True}
    )
