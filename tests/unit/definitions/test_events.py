"""The section `events`: mistakes that are told."""

import pytest
from pydantic import ValidationError

from unit.connect.events.shop import shop


def test_the_section_alone_listens_to_requests_and_scores_what_lands():
    events = shop().events
    assert [rule.starts for rule in events.landing] == ["scoring"]
    assert (events.queue, events.folder) == (None, None)


def test_a_model_without_the_section_listens_to_nothing():
    assert shop(events=None).events is None


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ({"landing": [{"starts": "scoring"}, {"starts": "scoring"}]}, "two rules start scoring"),
        ({"landing": [{"starts": "rollback"}]}, "starts"),
        ({"landing": [{"starts": "scoring", "tables": ["order"]}]}, "order"),
        ({"sweep": "30s"}, "never rest"),
        ({"queue": {"url": "landing-queue"}}, "queue"),
        ({"folders": {}}, "folders"),
    ],
)
def test_mistakes_are_told(events, told):
    with pytest.raises(ValidationError, match=told):
        shop(events=events)


def test_nobody_can_see_a_query_land():
    data = shop().data.model_dump(mode="json")
    data["tables"]["orders"] = {
        "sql": {"query": "SELECT 1", "url": "sqlite://"},
        "key": ["id"],
        "event_time": "at",
    }
    with pytest.raises(ValidationError, match="nobody can see a day of 'orders' land"):
        shop(data=data)
    assert shop(data=data, events={"landing": []}).events is not None
