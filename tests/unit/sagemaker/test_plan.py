"""What is done next with an endpoint: every state it can be in, on both sides of every question."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evergreen.definitions.release import BehaviourLimits, RolloutStep
from evergreen.errors import DeploymentError
from evergreen.sagemaker.documents import CHALLENGER, CHAMPION, config_request, variant
from evergreen.sagemaker.evidence import Evidence, Look, judge
from evergreen.sagemaker.plan import Arrived, Create, Switch, TakeBack, Wait, Wanted, Watch, Weigh, current_step, next_move
from evergreen.sagemaker.seen import read_endpoint
from unit.sagemaker.test_documents import SECTION

STEPS = (RolloutStep(share=0.05), RolloutStep(share=0.25), RolloutStep(share=1.0))
DIRECT = Wanted("new", SECTION)
CANARY = Wanted("new", SECTION, "canary", STEPS)
SHADOW = Wanted("new", SECTION, "shadow", STEPS[-1:])
PASS, TAKE_BACK = Look("pass", "fine"), Look("take_back", "too many failures")


def an_endpoint(model="old", *, status="InService", beside=None, shadow=None, weights=None, reason=""):
    """An endpoint whose champion is a model, with a challenger (its weight) beside it or in its shadow."""

    def one(name, model, weight):
        return variant(name, model, instance_type="ml.m5.large", instances=1, weight=weight)

    champion = one(CHAMPION, model, 1.0 if beside is None else round(1 - beside, 4))
    production = [champion, *([] if beside is None else [one(CHALLENGER, "new", beside)])]
    config = config_request("flights", production, [] if shadow is None else [one(CHALLENGER, "new", shadow)])
    now = weights or {}
    described = [{"VariantName": part["VariantName"], "CurrentWeight": now.get(part["VariantName"])} for part in production]
    endpoint = {
        "EndpointName": "flights",
        "EndpointStatus": status,
        "EndpointConfigName": config["EndpointConfigName"],
        "LastModifiedTime": datetime(2026, 1, 1, tzinfo=UTC),
        "FailureReason": reason,
        "ProductionVariants": described,
    }
    return read_endpoint(endpoint, config)


def test_without_an_endpoint_one_is_made():
    assert next_move(None, CANARY) == Create(CANARY.config)


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_nobody_interferes_while_sagemaker_is_at_work(status):
    assert next_move(an_endpoint(status=status), DIRECT) == Wait()


@pytest.mark.parametrize(
    ("status", "remedy"),
    [("Failed", "delete-endpoint"), ("UpdateRollbackFailed", "by hand"), ("OutOfService", "wait"), ("Deleting", "wait")],
)
def test_a_state_that_leads_nowhere_is_told(status, remedy):
    with pytest.raises(DeploymentError, match="cannot be brought") as caught:
        next_move(an_endpoint(status=status, reason="no capacity"), DIRECT)
    assert f"{status}: no capacity" in caught.value.found
    assert remedy in caught.value.remedy


def test_what_is_there_is_there():
    assert next_move(an_endpoint("new"), DIRECT) == Arrived()
    assert next_move(an_endpoint("new"), CANARY) == Arrived()


def test_a_direct_switch_is_guarded():
    move = next_move(an_endpoint(), DIRECT)
    assert isinstance(move, Switch)
    assert (move.config, move.is_guarded) == (DIRECT.config, True)


def test_in_service_with_another_configuration_than_was_asked_for_is_no_success():
    move = next_move(an_endpoint(reason="alarm 5xx"), DIRECT, asked=DIRECT.config["EndpointConfigName"])
    assert isinstance(move, TakeBack)
    assert "alarm 5xx" in move.why


def test_a_canary_begins_beside_the_champion_and_is_not_guarded():
    move = next_move(an_endpoint(), CANARY)
    assert isinstance(move, Switch)
    assert not move.is_guarded
    found = {one["VariantName"]: (one["ModelName"], one["InitialVariantWeight"]) for one in move.config["ProductionVariants"]}
    assert found == {CHAMPION: ("old", 0.95), CHALLENGER: ("new", 0.05)}


def test_a_shadow_leaves_all_requests_to_the_champion():
    move = next_move(an_endpoint(), SHADOW)
    assert [one["ModelName"] for one in move.config["ProductionVariants"]] == ["old"]
    assert [one["ModelName"] for one in move.config["ShadowProductionVariants"]] == ["new"]


@pytest.mark.parametrize(("weight", "step"), [(0.05, 0), (0.2, 0), (0.25, 1), (0.999, 1), (1.0, 2)])
def test_the_endpoint_itself_says_how_far_its_canary_has_come(weight, step):
    seen = an_endpoint(beside=0.05, weights={CHAMPION: 1 - weight, CHALLENGER: weight})
    assert current_step(seen, CANARY) == step


def test_a_step_waits_passes_or_takes_back():
    seen = an_endpoint(beside=0.05)
    assert isinstance(next_move(seen, CANARY), Watch)
    assert isinstance(next_move(seen, CANARY, look=Look("wait", "")), Watch)
    move = next_move(seen, CANARY, look=PASS)
    assert isinstance(move, Weigh)
    assert move.weights == {CHAMPION: 0.75, CHALLENGER: 0.25}
    assert next_move(seen, CANARY, look=TAKE_BACK) == TakeBack("too many failures")


def test_after_the_last_step_it_answers_alone():
    seen = an_endpoint(beside=0.05, weights={CHAMPION: 0.0, CHALLENGER: 1.0})
    move = next_move(seen, CANARY, look=PASS)
    assert isinstance(move, Switch)
    assert move.config == CANARY.config
    assert next_move(an_endpoint(shadow=1.0), SHADOW, look=PASS).config == SHADOW.config


def test_requests_leave_a_challenger_before_its_machines_do():
    back = replace(DIRECT, model_name="old")
    first = next_move(an_endpoint(beside=0.25), back)
    assert isinstance(first, Weigh)
    assert first.weights == {CHAMPION: 1.0, CHALLENGER: 0.0}
    then = next_move(an_endpoint(beside=0.25, weights={CHAMPION: 1.0, CHALLENGER: 0.0}), back)
    assert isinstance(then, Switch)
    assert then.config == back.config


def test_a_weight_that_somebody_set_to_0_is_an_answer():
    seen = an_endpoint(beside=0.05, weights={CHAMPION: 1.0, CHALLENGER: 0.0})
    assert isinstance(next_move(seen, CANARY, look=PASS), TakeBack)


def test_an_endpoint_of_another_make_is_refused():
    seen = an_endpoint()
    with pytest.raises(DeploymentError, match="somebody else"):
        next_move(replace(seen, config_name="mine"), DIRECT)


class TestEvidence:
    """One step: 200 requests within ten minutes, at most 0.5 % failures."""

    step, limits = RolloutStep(share=0.1), BehaviourLimits()

    def judged(self, requests, failures, minutes=11, ringing=()):
        evidence = Evidence(requests, failures, ringing)
        return judge(evidence, self.step, self.limits, timedelta(minutes=minutes), timedelta(hours=24)).outcome

    @pytest.mark.parametrize(
        ("requests", "failures", "minutes", "outcome"),
        [
            (200, 0, 10, "pass"),
            (199, 0, 10, "wait"),
            (200, 0, 9, "wait"),
            (0, 0, 24 * 60, "take_back"),
            (199, 0, 24 * 60 - 1, "wait"),
            (200, 1, 10, "pass"),
            (200, 20, 1, "take_back"),
            (1, 1, 1, "wait"),
            (3, 3, 1, "take_back"),
            (10, 11, 11, "take_back"),
            (10, -1, 11, "take_back"),
        ],
    )
    def test_both_sides_of_every_threshold(self, requests, failures, minutes, outcome):
        assert self.judged(requests, failures, minutes) == outcome

    def test_an_alarm_is_enough(self):
        assert self.judged(200, 0, ringing=("latency",)) == "take_back"
