"""The trigger forms accept what a run can do and refuse the rest before anything starts."""

import pytest

GOOD = [
    {},
    {"as_of": "2013-04-01"},
    {"as_of": "2013-04-01T07:00:00+00:00", "window": "90d", "trials": 5},
    {"candidates": ["xgboost"], "force": True, "dry_run": True, "reason": "trying"},
    {"as_of": "2013-05-01T07:00:00+00:00", "reason": "monitoring", "decision": "0123456789abcdef" * 2},
]
BAD = [
    {"as_of": "April"},
    {"window": "90 days"},
    {"window": "-90d"},
    {"candidates": []},
    {"candidates": ["magic"]},
    {"candidates": ["xgboost", "xgboost"]},
    {"trials": 0},
    {"trials": 1.5},
    {"force": "yes"},
    {"reason": "x" * 501},
    {"decision": "yesterday's"},
    {"as_of": "{{ ti }}"},
    {"as_of": "2013-04-01' OR '1'='1"},
    {"as_of": "2013-04-01\n2013-04-02"},
    {"window": "90d; DROP TABLE evergreen_decisions"},
    {"window": "../../etc/passwd"},
    {"candidates": ["{{ ti }}"]},
    {"candidates": ["../baseline"]},
    {"trials": "{{ 7 * 7 }}"},
    {"decision": "{{ conn.smtp_test.password }}"},
]


def _validated(dag, conf):
    from airflow.sdk.definitions.param import process_params

    return process_params(dag, next(iter(dag.tasks)), conf, suppress_exception=False)


@pytest.mark.parametrize("conf", GOOD)
def test_a_sound_request_passes(dags, conf):
    merged = _validated(dags["flight_delays.training"], conf)
    assert {name: merged[name] for name in conf} == conf


@pytest.mark.parametrize("conf", BAD)
def test_an_unsound_request_is_refused_by_the_form(dags, conf):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=next(iter(conf))):
        _validated(dags["flight_delays.training"], conf)


@pytest.mark.parametrize("kind", ["promote", "rollback", "pause_rollout"])
def test_what_a_person_does_by_hand_needs_a_reason(dags, kind):
    from airflow.sdk.exceptions import ParamValidationError

    dag = dags[f"flight_delays.{kind}"]
    for reason in ({}, {"reason": "no"}, {"reason": "x" * 501}):
        with pytest.raises(ParamValidationError, match="reason"):
            _validated(dag, reason)
    assert _validated(dag, {"reason": "answers nonsense"})["reason"] == "answers nonsense"


@pytest.mark.parametrize(
    ("kind", "conf"), [("promote", {"version": "12"}), ("promote", {"version": None}), ("pause_rollout", {"resume": True})]
)
def test_what_else_a_person_may_say(dags, kind, conf):
    merged = _validated(dags[f"flight_delays.{kind}"], {"reason": "because", **conf})
    assert {name: merged[name] for name in conf} == conf


@pytest.mark.parametrize(
    ("kind", "conf"),
    [
        ("promote", {"version": "0"}),
        ("promote", {"version": "latest"}),
        ("promote", {"version": 2}),
        ("pause_rollout", {"resume": "no"}),
    ],
)
def test_what_a_person_may_not_say(dags, kind, conf):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=next(iter(conf))):
        _validated(dags[f"flight_delays.{kind}"], {"reason": "because", **conf})
