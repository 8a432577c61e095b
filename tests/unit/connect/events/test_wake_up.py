"""The runs that a wake-up starts, and how it knows that they began."""

import pytest

from evergreen.connect.events.bodies import Said, request_from
from evergreen.connect.events.wake_up import existing_runs, require_whole, run_arguments
from evergreen.errors import RunFailedError
from unit.connect.events.shop import NOW, shop
from unit.connect.events.test_bodies import BODY


class Airflow:
    """Counts runs as a task may ask."""

    def __init__(self, runs):
        self.runs, self.questions = set(runs), 0

    def get_dr_count(self, dag_id, run_ids):
        self.questions += 1
        return sum((dag_id, run_id) in self.runs for run_id in run_ids)


def asked(count, dag_id="shop.scoring"):
    return [{"trigger_dag_id": dag_id, "trigger_run_id": f"{dag_id}-{number}"} for number in range(count)]


def test_the_request_is_the_run():
    request = request_from(shop(), Said("", BODY), NOW)
    arguments = run_arguments(request)
    assert (arguments["trigger_dag_id"], arguments["trigger_run_id"]) == ("shop.training", request.id)
    assert arguments["conf"] == {"as_of": "2026-03-10T03:00:00+00:00", "reason": "asked for by event campaign-1"}


def test_one_question_suffices_where_every_run_began():
    wanted = asked(50)
    airflow = Airflow((each["trigger_dag_id"], each["trigger_run_id"]) for each in wanted)
    assert len(existing_runs(airflow, wanted)) == 50
    assert airflow.questions == 1


@pytest.mark.parametrize("missing", [{3}, {0, 249}, set(range(250)), {17, 18, 120}])
def test_runs_that_did_not_begin_are_found(missing):
    wanted = [*asked(250), *asked(3, "shop.training")]
    there = [each for number, each in enumerate(wanted) if number not in missing]
    airflow = Airflow((each["trigger_dag_id"], each["trigger_run_id"]) for each in there)
    assert set(existing_runs(airflow, wanted)) == {each["trigger_run_id"] for each in there}


@pytest.mark.parametrize(
    ("taken", "compared", "pending", "begun", "told"),
    [
        (False, True, [], [], "take"),
        (True, False, [], [], "compare"),
        (True, True, None, [], "pending"),
        (True, True, asked(2), ["shop.scoring-0"], "shop.scoring-1"),
    ],
)
def test_a_wake_up_with_a_failed_part_fails(taken, compared, pending, begun, told):
    with pytest.raises(RunFailedError, match=told):
        require_whole(taken, compared, pending, begun)


def test_a_whole_wake_up_passes():
    require_whole(True, True, asked(1), ["shop.scoring-0"])
