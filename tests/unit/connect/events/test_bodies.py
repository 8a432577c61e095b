"""What events say, and which bodies are refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.connect.events.bodies import Said, conflict, request_from, said_by, said_in_form
from evergreen.errors import RequestError
from unit.connect.events.shop import NOW, shop

BODY = {"starts": "training", "key": "campaign-1"}


def said(value):
    return Said(json.dumps(value), value)


def message(body, number=1):
    text = body if isinstance(body, str) else json.dumps(body)
    return {"MessageId": f"m{number}", "ReceiptHandle": f"h{number}", "Body": text}


def batch(*messages):
    return {"from_trigger": True, "payload": {"status": "success", "message_batch": list(messages)}}


def test_a_body_by_rest_is_what_the_caller_wrote_without_airflows_mark():
    (heard,) = said_by({**BODY, "from_rest_api": True})
    assert (heard.value, heard.source, heard.receipt) == (BODY, "rest", None)


@pytest.mark.parametrize("extra", [{}, {"from_rest_api": True}])
def test_an_event_without_a_body_only_wakes(extra):
    (heard,) = said_by(extra)
    assert heard.value is None


def test_every_message_of_a_queue_speaks_for_itself_and_keeps_its_receipt():
    heard = list(said_by(batch(message(BODY, 1), message({"starts": "scoring", "key": "b"}, 2))))
    assert [each.value["key"] for each in heard] == ["campaign-1", "b"]
    assert [each.receipt for each in heard] == [("m1", "h1"), ("m2", "h2")]


@pytest.mark.parametrize(
    "notification",
    [
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "shop/orders/2026-03-01.csv"}}}]},
        {"Service": "Amazon S3", "Event": "s3:TestEvent"},
    ],
)
def test_s3_only_wakes_directly_and_through_a_topic(notification):
    through_sns = {"Type": "Notification", "Message": json.dumps(notification)}
    for body in (notification, through_sns):
        (heard,) = said_by(batch(message(body)))
        assert (heard.value, heard.receipt) == (None, ("m1", "h1"))


def test_a_message_that_is_no_json_is_a_body_and_will_be_refused():
    (heard,) = said_by(batch(message("hello")))
    with pytest.raises(RequestError):
        request_from(shop(), heard, NOW)


def test_a_folder_only_wakes_by_saying_nothing():
    assert list(said_by({"from_trigger": True, "payload": {"folder": "/landing/shop"}})) == []


def test_the_same_key_is_the_same_unit_of_work_whenever_it_comes():
    first, later = (request_from(shop(), said(BODY), NOW + timedelta(days=days)) for days in (0, 3))
    assert first.id == later.id
    assert first.as_of == datetime(2026, 3, 10, 3, tzinfo=UTC)
    assert conflict(later, first) is None


@pytest.mark.parametrize("change", [{"starts": "scoring"}, {"key": "campaign-2"}])
def test_another_kind_or_key_is_another_unit(change):
    assert request_from(shop(), said(BODY), NOW).id != request_from(shop(), said(BODY | change), NOW).id


def test_another_request_under_a_used_key_is_told_and_a_new_reason_is_not():
    first = request_from(shop(), said(BODY), NOW)
    assert conflict(request_from(shop(), said(BODY | {"reason": "again"}), NOW), first) is None
    problem = conflict(request_from(shop(), said(BODY | {"as_of": "2026-03-01"}), NOW), first)
    assert "campaign-1" in problem.found


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"starts": "training"}, "key"),
        ({**BODY, "starts": "rollback"}, "starts"),
        ({**BODY, "key": ""}, "key"),
        ({**BODY, "key": "a b"}, "key"),
        ({**BODY, "key": "a" * 201}, "key"),
        ({**BODY, "key": 7}, "key"),
        ({**BODY, "start": 1}, "start"),
        ({**BODY, "reason": "x" * 301}, "reason"),
        (["training"], "body"),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(body, told):
    with pytest.raises(RequestError) as caught:
        request_from(shop(), said(body), NOW)
    assert told in caught.value.allowed
    assert '"starts"' in caught.value.remedy


@pytest.mark.parametrize("as_of", ["yesterday", "2026-03-01T03:00:00.5+00:00", "2026-03-11", "2025-01-01"])
def test_an_as_of_that_is_none_or_to_come_or_before_the_history_is_refused(as_of):
    with pytest.raises(RequestError):
        request_from(shop(), said({**BODY, "as_of": as_of}), NOW)


def test_an_empty_form_asks_for_nothing():
    empty = {"starts": None, "key": None, "as_of": None, "reason": None, "params": {}, "other": 1}
    assert said_in_form(empty) is None
    filled = said_in_form({**empty, **BODY})
    assert request_from(shop(), filled, NOW).source == "form"
