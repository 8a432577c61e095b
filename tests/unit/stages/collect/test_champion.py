"""Who was champion at an as-of, by decisions and by the wall clock of rollbacks."""

from datetime import UTC, datetime, timedelta

import pytest

from evergreen.errors import UndecidedError
from evergreen.registry.timeline import ReleaseEvent
from evergreen.stages.collect.champion import reign_at, reigns, versions_by

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def an_event(generation, version, happened_at, *, action="promote", decision=None):
    return ReleaseEvent(
        model="flights",
        generation=generation,
        action=action,
        version=version,
        previous_version=None,
        decision_id=decision or f"decision-{version}",
        rollout="direct",
        reason="",
        actor="test",
        happened_at=happened_at,
    )


def champions(events, decided, moments):
    found = reigns(events, decided)
    return [reign and reign.version for reign in (reign_at(found, moment) for moment in moments)]


def test_a_live_system_goes_by_decisions_and_by_the_hour_of_a_rollback():
    start = datetime(2026, 11, 1, 3, tzinfo=UTC)
    events = [
        an_event(3, "1", start + 9 * DAY + HOUR, action="rollback"),
        an_event(2, "2", start + 7 * DAY + HOUR),
        an_event(1, "1", start + HOUR),
    ]
    decided = {"decision-1": start, "decision-2": start + 7 * DAY}
    moments = [start - HOUR, start, start + 6 * DAY, start + 7 * DAY, start + 8 * DAY, start + 9 * DAY, start + 10 * DAY]
    assert champions(events, decided, moments) == [None, "1", "1", "2", "2", "1", "1"]


def test_replayed_months_go_by_the_as_of_of_decisions():
    now, april = datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2013, 4, 1, 7, tzinfo=UTC)
    minute = timedelta(minutes=1)
    events = [an_event(1, "1", now), an_event(2, "2", now + 5 * minute), an_event(3, "1", now + 9 * minute, action="rollback")]
    decided = {"decision-1": april, "decision-2": april + 20 * DAY}
    moments = [april - DAY, april + DAY, april + 19 * DAY, april + 20 * DAY, april + 21 * DAY]
    assert champions(events[:2], decided, moments) == [None, "1", "1", "2", "2"]
    assert champions(events, decided, moments)[-1] == "1"


def test_a_champion_trained_as_of_an_earlier_day_counts_from_then():
    now, june = datetime(2026, 11, 1, tzinfo=UTC), datetime(2013, 6, 1, 7, tzinfo=UTC)
    events = [an_event(1, "1", now), an_event(2, "2", now + HOUR)]
    decided = {"decision-1": june, "decision-2": june - 30 * DAY}
    assert champions(events, decided, [june - 40 * DAY, june - 10 * DAY, june]) == [None, "2", "2"]


def test_only_versions_released_by_then_are_heard():
    april = datetime(2013, 4, 1, tzinfo=UTC)
    found = reigns([an_event(1, "1", april), an_event(2, "2", april)], {"decision-1": april, "decision-2": april + DAY})
    assert versions_by(found, april) == {"1"}
    assert versions_by(found, april + DAY) == {"1", "2"}


def test_a_release_without_its_decision_is_refused():
    with pytest.raises(UndecidedError, match="no decision record"):
        reigns([an_event(1, "1", datetime(2013, 4, 1, tzinfo=UTC))], {})
