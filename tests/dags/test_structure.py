"""The shape of every DAG: what a person sees in the grid must not change by accident."""

from datetime import timedelta

import pytest

CHECKS = ("check_quality", "check_drift", "check_performance", "check_operations")
EDGES = {
    "flight_delays.training": {
        "ingest": {"validate"},
        "validate": {"build_features", "evaluate", "materialize"},
        "build_features": {"train", "evaluate", "smoke_test"},
        "train": {"evaluate"},
        "evaluate": {"gate", "smoke_test"},
        "gate": {"register", "release"},
        "register": {"smoke_test"},
        "smoke_test": {"release"},
        "release": {"materialize"},
        "materialize": {"clean_up"},
        "clean_up": set(),
    },
    "flight_delays.scoring": {
        "ingest": {"validate"},
        "validate": {"build_features", "materialize"},
        "build_features": {"score", "materialize"},
        "score": set(),
        "materialize": set(),
    },
    "flight_delays.promote": {"promote": set()},
    "flight_delays.rollback": {"rollback": set()},
    "flight_delays.pause_rollout": {"pause_rollout": set()},
    "flight_delays.monitoring": {
        "collect": {*CHECKS, "triage", "probe", "compare", "decide"},
        **{check: {"triage", "decide"} for check in CHECKS},
        "triage": {"probe", "decide"},
        "probe": {"decide"},
        "compare": {"decide"},
        "decide": {"due", "tell", "roll_back"},
        "roll_back": set(),
        "due": {"trigger"},
        "trigger": set(),
        "tell": set(),
    },
}
SWEEP = "evergreen.sweep"
MAINTENANCE = "evergreen.maintenance"


def test_there_is_one_dag_of_each_kind_per_definition(dags):
    assert set(dags) == {*EDGES, SWEEP, MAINTENANCE}


def test_the_sweep_is_one_for_all_models_and_never_two_at_once(dags):
    sweep = dags[SWEEP]
    assert {task.task_id: set(task.downstream_task_ids) for task in sweep.tasks} == {
        "due_of_all": {"trigger"},
        "trigger": set(),
        "look_for_silence": set(),
        "tell_again": set(),
        "end_forgotten_rollouts": set(),
    }
    assert (sweep.max_active_runs, sweep.catchup, sweep.is_paused_upon_creation) == (1, False, False)
    assert sweep.timetable.delta == timedelta(minutes=10)


def test_maintenance_goes_through_the_kinds_in_order_for_each_model_and_waits_for_a_person_to_switch_it_on(dags):
    dag = dags[MAINTENANCE]
    kinds = (f"clear_{kind}" for kind in ("results", "candidates", "inputs", "tables", "nights", "pages"))
    order, last = ["models", "erase_again", *kinds], "fail_if_any_did"
    followed = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert followed == {
        "models": {*order[1:], last},
        **{name: {*order[place + 2 : place + 3], last} for place, name in enumerate(order[1:])},
        last: set(),
    }
    assert dag.get_task(last).trigger_rule == "one_failed"
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert "0 12 * * 0" in str(dag.timetable)
    assert dag.params["dry_run"] is False
    for name in order[2:]:
        # What fails for one model, or one kind, keeps nothing else from being done.
        assert dag.get_task(name).trigger_rule == "all_done"
        assert dag.get_task(name).is_mapped


@pytest.mark.parametrize("dag_id", EDGES)
def test_edges(dags, dag_id):
    found = {task.task_id: set(task.downstream_task_ids) for task in dags[dag_id].tasks}
    assert found == EDGES[dag_id]


@pytest.mark.parametrize("dag_id", EDGES)
def test_every_task_has_an_owner_a_timeout_and_retries_by_kind_of_error(dags, dag_id):
    for task in dags[dag_id].tasks:
        assert task.owner == "flight-operations"
        assert task.execution_timeout == timedelta(minutes=120)
        assert task.retries == 2
        assert task.retry_policy is not None
        assert task.doc_md or task.task_id, task.task_id


@pytest.mark.parametrize("dag_id", EDGES)
def test_a_run_is_alone_and_nothing_is_caught_up_unasked(dags, dag_id):
    assert dags[dag_id].max_active_runs == 1
    assert dags[dag_id].catchup is False


@pytest.mark.parametrize("kind", ["scoring", "monitoring"])
def test_the_clock_is_a_cron_over_data_intervals_in_the_models_zone(dags, kind):
    timetable = dags[f"flight_delays.{kind}"].timetable
    assert type(timetable).__name__ == "CronDataIntervalTimetable"
    assert "0 3 * * *" in str(timetable)
    assert "America/New_York" in str(timetable)


def test_monitoring_starts_the_flights_trainings_and_no_clock_does(dags):
    assert type(dags["flight_delays.training"].timetable).__name__ == "NullTimetable"


def test_training_is_pooled_and_mapped_over_the_candidates(dags):
    train = dags["flight_delays.training"].get_task("train")
    assert train.partial_kwargs["pool"] == "training"
    assert train.op_kwargs_expand_input.value["name"] == ["baseline", "logistic_regression", "xgboost"]


def test_the_assets_tell_the_story(dags):
    outlets = {
        (dag_id, task.task_id): [asset.name for asset in task.outlets] for dag_id, dag in dags.items() for task in dag.tasks
    }
    assert outlets["flight_delays.training", "build_features"] == ["flight_delays.features"]
    assert outlets["flight_delays.training", "release"] == ["flight_delays.champion"]
    assert outlets["flight_delays.scoring", "score"] == ["flight_delays.predictions"]
    assert outlets["flight_delays.training", "materialize"] == ["flight_delays.online"]
    assert outlets["flight_delays.scoring", "materialize"] == ["flight_delays.online"]
    assert outlets["flight_delays.promote", "promote"] == ["flight_delays.champion"]
    assert outlets["flight_delays.rollback", "rollback"] == ["flight_delays.champion"]
    assert outlets["flight_delays.pause_rollout", "pause_rollout"] == []
    assert outlets["flight_delays.monitoring", "decide"] == ["flight_delays.decisions"]
    assert outlets["flight_delays.monitoring", "roll_back"] == ["flight_delays.champion"]
    collect = dags["flight_delays.monitoring"].get_task("collect")
    assert [asset.name for asset in collect.inlets] == ["flight_delays.predictions"]


def test_a_night_without_a_probe_is_decided_and_one_with_a_failed_check_is_not(dags):
    tasks = dags["flight_delays.monitoring"].task_dict
    assert tasks["decide"].trigger_rule == "none_failed_min_one_success"
    assert {tasks[name].trigger_rule for name in ("triage", "probe", "due", "tell", "trigger")} == {"all_success"}


@pytest.mark.parametrize("dag_id", ["flight_delays.monitoring", SWEEP])
def test_a_training_is_triggered_under_its_decisions_id_and_only_once(dags, dag_id):
    trigger = dags[dag_id].get_task("trigger")
    assert trigger.partial_kwargs["skip_when_already_exists"] is True
    # A reason quotes names from the data: it must reach the training as it is, not as a template.
    assert not trigger.operator_class.template_fields
    # Two trainings triggered at the same moment must not collide on a logical date.
    assert trigger.partial_kwargs["logical_date"] is None


@pytest.mark.parametrize("dag_id", EDGES)
def test_every_run_speaks_when_it_fails_and_when_it_works_again(dags, dag_id):
    assert type(dags[dag_id].on_failure_callback).__name__ == "RunFailed"
    assert type(dags[dag_id].on_success_callback).__name__ == "RunSucceeded"


@pytest.mark.parametrize("kind", ["scoring", "monitoring"])
def test_a_night_that_is_not_over_in_time_speaks(dags, kind):
    [deadline] = dags[f"flight_delays.{kind}"].deadline
    assert deadline.interval == timedelta(minutes=60)
    assert deadline.callback.path == "evergreen.connect.alerts.occasions.deadline_missed"


def test_nothing_is_materialized_without_a_release_and_nothing_follows_from_it(dags):
    """Skipped with what it follows; and what it fails at undoes neither a release nor a scoring."""
    for kind in ("training", "scoring"):
        task = dags[f"flight_delays.{kind}"].get_task("materialize")
        assert task.trigger_rule == "all_success"
        assert set(task.downstream_task_ids) <= {"clean_up"}


def test_clean_up_runs_however_the_run_ended(dags):
    task = dags["flight_delays.training"].get_task("clean_up")
    assert task.is_teardown


def test_the_page_of_a_dag_says_what_it_is_for_and_who_owns_it(dags):
    assert "arrive more than 15 minutes late" in dags["flight_delays.training"].doc_md
