"""Both sides of every limit, every way of not knowing, and what decides where several rules speak."""

import math
from datetime import timedelta

import numpy as np
import pytest

from evergreen.definitions.release import BehaviourLimits
from evergreen.stages.rollout import decide, replay
from evergreen.stages.rollout.behaviour import log_needed
from evergreen.trial_evidence import FaultySeconds, RuleKind, SecondsAlike, TrialRecord
from simulated_trials import BEGAN, Truth, evidence_of, simulate, with_requests

GOOD = evidence_of(simulate(1, Truth(), 400))


def changed(**changes):
    return GOOD.model_copy(update=changes)


def compared(**changes):
    return changed(compared=GOOD.compared.model_copy(update=changes))


def faulty(faults, seconds):
    """One request a second, some of them at fault."""
    alike = (SecondsAlike(requests=1, faults=1, seconds=faults),) if faults else ()
    return FaultySeconds(requests=seconds, faults=faults, seconds=seconds, faulty=alike)


def broken(evidence):
    decision = decide(evidence)
    names = [rule.name for rule in decision.rules if rule.holds is False and rule.kind is not RuleKind.PATIENCE]
    assert (decision.outcome == "roll_back") is bool(names)
    return names


def step(**changes):
    return changed(step=GOOD.step.model_copy(update=changes))


def test_a_good_challenger_passes_and_the_reasons_say_how_it_did():
    decision = decide(GOOD)
    assert decision.outcome == "pass"
    assert all(rule.holds for rule in decision.rules)
    assert decision.reasons[0] == "Step 2 of 3 is passed: 400 requests in 11 min, and no limit is broken."
    assert decision.reasons[1] == "It could not answer 0 of 400 requests (0.0 %)."


class TestPatience:
    @pytest.mark.parametrize(("asked", "outcome"), [(199, "wait"), (200, "pass")])
    def test_requests(self, asked, outcome):
        assert decide(changed(step_requests=asked)).outcome == outcome

    @pytest.mark.parametrize(("seconds", "outcome"), [(599, "wait"), (600, "pass")])
    def test_time(self, seconds, outcome):
        assert decide(changed(looked_at=BEGAN + timedelta(seconds=seconds))).outcome == outcome

    def test_a_pause(self):
        decision = decide(step(paused="by ada: holiday"))
        assert (decision.outcome, decision.reasons) == ("wait", ("Paused by ada: holiday.",))

    @pytest.mark.parametrize(("seconds", "outcome"), [(-1, "pass"), (0, "roll_back")])
    def test_the_end(self, seconds, outcome):
        end = GOOD.step.expires_at
        assert decide(changed(looked_at=end + timedelta(seconds=seconds))).outcome == outcome

    def test_the_end_says_why_it_came_to_that(self):
        late = {"looked_at": GOOD.step.expires_at}
        assert decide(changed(**late, step_requests=3)).reasons[0].endswith("only 3 of 200 requests came.")
        assert decide(changed(**late)).reasons[0].endswith("nobody looked in time.")
        paused = changed(**late, step=GOOD.step.model_copy(update={"paused": "by ada: holiday"}))
        assert decide(paused).reasons[0].endswith("it was paused by ada: holiday.")

    def test_a_broken_limit_does_not_wait(self):
        early = changed(step_requests=2, looked_at=BEGAN + timedelta(seconds=2), failures=faulty(2, 2))
        paused = early.model_copy(update={"step": early.step.model_copy(update={"paused": "by ada: holiday"})})
        assert broken(early) == broken(paused) == ["failures"]


class TestLimits:
    @pytest.mark.parametrize(("faults", "seconds", "bad"), [(0, 1000, 0), (1, 1, 0), (2, 2, 1), (3, 40, 0), (5, 40, 1)])
    def test_failures(self, faults, seconds, bad):
        assert broken(changed(failures=faulty(faults, seconds))) == ["failures"] * bad

    def test_failures_of_one_second_are_one_fault(self):
        one_moment = FaultySeconds(
            requests=100, faults=60, seconds=41, faulty=(SecondsAlike(requests=60, faults=60, seconds=1),)
        )
        assert broken(changed(failures=one_moment)) == []

    @pytest.mark.parametrize(("faults", "bad"), [(20, 0), (30, 0), (50, 1)])
    def test_slowness(self, faults, bad):
        assert broken(changed(slow=faulty(faults, 100))) == ["more than 5 times as slow"] * bad

    @pytest.mark.parametrize(("rows", "bad"), [(160, 0), (190, 0), (230, 1)])
    def test_disagreement(self, rows, bad):
        assert broken(compared(rows=400, disagreements=rows)) == ["decisions other than the champion's"] * bad

    @pytest.mark.parametrize("sign", [-1, 1])
    @pytest.mark.parametrize(("shift", "bad"), [(0.19, 0), (0.21, 0), (0.3, 1)])
    def test_mean(self, sign, shift, bad):
        place = math.floor(sign * shift * 1000)
        assert broken(compared(differences=((place, 400),))) == ["mean difference of probabilities"] * bad

    @pytest.mark.parametrize(("same", "opposite", "bad"), [(10, 5, 0), (9, 6, 0), (6, 9, 1)])
    def test_order(self, same, opposite, bad):
        assert broken(compared(groups=((same, opposite, 40),))) == ["rank agreement with the champion"] * bad

    @pytest.mark.parametrize(
        ("rows", "commonest", "values", "bad"),
        [(50, 50, 10, 1), (49, 49, 10, 0), (50, 49, 10, 0), (50, 50, 9, 0), (200, 198, 10, 1), (200, 197, 10, 0)],
    )
    def test_the_same_answer_to_all(self, rows, commonest, values, bad):
        found = compared(
            rows=rows, disagreements=0, commonest_rows=commonest, champion_values=values, groups=(), differences=()
        )
        assert broken(found) == ["the same answer to all"] * bad

    @pytest.mark.parametrize(("found", "bad"), [(2000.0, 0), (2000.1, 1)])
    def test_memory(self, found, bad):
        assert broken(changed(worker_mb=found)) == ["memory of a worker"] * bad

    def test_memory_that_nobody_knows_is_not_within_a_limit(self):
        decision = decide(changed(worker_mb=None))
        assert (decision.outcome, decision.reasons) == ("wait", ("No worker has told how much memory it takes.",))

    def test_records_that_no_gateway_writes(self):
        decision = decide(changed(strange=("3 records of an unknown role",)))
        assert decision.outcome == "roll_back"
        assert decision.reasons == ("Its records cannot be relied on: 3 records of an unknown role.",)

    def test_the_limits_are_those_of_the_evidence(self):
        limits = BehaviourLimits(max_memory_mb=10.0, max_failure_share=0.3)
        assert broken(changed(limits=limits)) == ["memory of a worker"]
        assert broken(changed(failures=faulty(5, 40), limits=BehaviourLimits(max_failure_share=0.3))) == []

    def test_more_confidence_asks_for_more_evidence(self):
        known = changed(failures=faulty(2, 2))
        assert broken(known) == ["failures"]
        surer = BehaviourLimits(confidence=0.999999)
        assert log_needed(surer) == pytest.approx(math.log(5e6))
        assert broken(known.model_copy(update={"limits": surer})) == []

    def test_every_broken_limit_is_told_the_gravest_first(self):
        bad = evidence_of(simulate(1, Truth(constant=True, failure_share=0.5, slowdown=30.0, memory_mb=5000.0), 600))
        assert broken(bad) == ["failures", "the same answer to all", "memory of a worker", "more than 5 times as slow"]


class TestNotKnowing:
    def test_nobody_was_asked(self):
        nothing = evidence_of(simulate(1, Truth(), 0))
        decision = decide(nothing)
        assert decision.outcome == "wait"
        assert decision.reasons == ("0 of 200 requests so far.",)

    def test_a_champion_that_says_the_same_to_all_tells_nothing_of_order(self):
        constant = with_requests(simulate(1, Truth(correlation=0.0), 3000), champion_probability=np.full(3000, 0.22))
        found = evidence_of(constant)
        assert found.compared.groups == ((0, 0, 500),)
        assert broken(found) == []

    def test_a_champion_of_few_values_is_still_held_to_its_order(self):
        """Pairs that tie are left out, and the others are enough."""
        assert broken(evidence_of(simulate(1, Truth(correlation=-0.5, champion_values=8), 2000))) == [
            "rank agreement with the champion"
        ]
        assert broken(evidence_of(simulate(1, Truth(correlation=0.7, champion_values=8), 2000))) == []

    def test_beside_a_champion_of_few_values_that_lie_apart_a_constant_is_seen(self):
        assert broken(evidence_of(simulate(1, Truth(constant=True, champion_values=3), 60))) == ["the same answer to all"]
        rarely = np.where(np.arange(60) % 20 == 0, 0.7, 0.22)  # nineteen of twenty are alike to the champion as well
        alike = with_requests(simulate(1, Truth(constant=True), 60), champion_probability=rarely)
        assert broken(evidence_of(alike)) == []

    def test_all_requests_fail(self):
        found = evidence_of(simulate(1, Truth(failure_share=1.0), 40))
        assert (found.compared.rows, found.compared.groups) == (0, ())
        assert broken(found) == ["failures"]


def test_the_same_evidence_comes_to_the_same():
    record = TrialRecord(evidence=GOOD, decision=decide(GOOD))
    data = record.to_bytes()
    assert TrialRecord.from_bytes(data) == record
    assert TrialRecord.from_bytes(data).to_bytes() == data
    assert replay(record)
    assert not replay(record.model_copy(update={"evidence": changed(worker_mb=401.0)}))
    with pytest.raises(ValueError, match="validation error"):
        TrialRecord.from_bytes(b'{"format": 2}')
