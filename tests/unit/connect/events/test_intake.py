"""Events become requests, each once; a wrong one holds up no other."""

from datetime import timedelta
from types import SimpleNamespace

from evergreen.connect.events.intake import take_in
from evergreen.registry.requests import RequestStore
from evergreen.settings import Settings
from unit.connect.events.shop import NOW, shop
from unit.connect.events.test_bodies import BODY, batch, message

NO_FORM: dict = {}


def event(extra):
    return SimpleNamespace(timestamp=NOW, extra=extra)


def test_good_requests_are_kept_beside_refused_ones(tmp_path):
    settings = Settings(home=tmp_path)
    events = [
        event(BODY),
        event({"starts": "fly"}),
        event(batch(message("nonsense", 1), message({"starts": "scoring", "key": "b"}, 2))),
        event(None),
    ]
    taken = take_in(shop(), settings, events, NO_FORM, NOW)
    assert taken.counts == {"heard": 5, "requests": 2, "refused": 2}
    # A refused message is written down too: it need not come again.
    assert taken.receipts == (("m1", "h1"), ("m2", "h2"))
    store = RequestStore(settings.database_url)
    assert {each.key for each in store.list("shop")} == {"campaign-1", "b"}
    refused = store.refused("shop")
    assert {each.body for each in refused} == {'{"starts": "fly"}', "nonsense"}
    assert all("do:" in each.problem for each in refused)


def test_the_same_events_again_change_nothing(tmp_path):
    settings = Settings(home=tmp_path)
    store = RequestStore(settings.database_url)
    events = [event(BODY), event(BODY), event({"starts": "fly"})]
    take_in(shop(), settings, events, NO_FORM, NOW)
    first = store.list("shop"), store.refused("shop")
    take_in(shop(), settings, events, NO_FORM, NOW)
    assert (store.list("shop"), store.refused("shop")) == first
    assert [len(each) for each in first] == [1, 1]


def test_messages_of_an_earlier_reading_are_not_deleted_again(tmp_path):
    early = SimpleNamespace(timestamp=NOW - timedelta(minutes=1), extra=batch(message(BODY, 1)))
    late = event(batch(message(BODY, 2)))
    taken = take_in(shop(), Settings(home=tmp_path), [early, late], NO_FORM, NOW, read_before=early.timestamp)
    assert taken.receipts == (("m2", "h2"),)


def test_another_request_under_a_used_key_is_refused_and_the_first_one_stays(tmp_path):
    settings = Settings(home=tmp_path)
    take_in(shop(), settings, [event(BODY), event(BODY | {"as_of": "2026-03-01"})], NO_FORM, NOW)
    store = RequestStore(settings.database_url)
    (kept,), (refused,) = store.list("shop"), store.refused("shop")
    assert kept.as_of.day == 10
    assert "campaign-1" in refused.problem
