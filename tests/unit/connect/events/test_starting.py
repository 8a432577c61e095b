"""What a started run is handed, and when a wake-up fails."""

import pytest

from evergreen.connect.events.bodies import Said, request_from
from evergreen.connect.events.starting import Started, require_whole, run_conf
from evergreen.errors import RunFailedError
from unit.connect.events.shop import NOW, shop
from unit.connect.events.test_bodies import BODY


def test_the_run_is_handed_what_was_asked_for_and_the_requests_own_as_of():
    request = request_from(shop(), Said("", BODY), NOW).model_copy(update={"params": {"trials": 3, "as_of": "other"}})
    assert run_conf(request) == {
        "trials": 3,
        "as_of": "2026-03-10T03:00:00+00:00",
        "reason": "asked for by event campaign-1",
    }
    assert request.dag_id == "shop.training"


def test_runs_that_were_there_count_as_begun():
    assert Started(("a",), ("b",), ("c: 404",)).ids == ("a", "b")


@pytest.mark.parametrize(
    ("taken", "compared", "problems", "told"),
    [
        (False, True, [], "take"),
        (True, False, [], "compare"),
        (True, True, ["shop.scoring a: GENERIC_ERROR"], "shop.scoring a"),
    ],
)
def test_a_wake_up_with_a_failed_part_fails(taken, compared, problems, told):
    with pytest.raises(RunFailedError, match=told):
        require_whole(taken, compared, problems)


def test_a_whole_wake_up_passes():
    require_whole(True, True, [])
