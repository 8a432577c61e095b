"""When a night takes a new champion back: both sides of every threshold, and every way of not knowing."""

import pytest

from evergreen.definitions.release import Probation
from evergreen.digests import digest_bytes
from evergreen.observation import Action, Cause, Severity
from evergreen.registry.nights import decision_id
from evergreen.stages.retrain import Compared, decide_night
from watched_nights import LONG_AGO, MONITORING, NIGHT, RETRAINING, beside, diagnosis, measurement

QUIET = {"cause": Cause.NOTHING, "severity": Severity.OK, "reasons": ("Nothing stands out.",), "alarms": ()}


def decide(found=None, *, compared=..., probe=None, probation=None):
    found = found or diagnosis(**QUIET, wants_probe=False)
    seen = beside() if compared is ... else compared
    return decide_night(
        found,
        probe,
        (),
        new_rows=5000,
        released_at=LONG_AGO,
        monitoring=MONITORING,
        retraining=RETRAINING,
        compared=Compared(seen, probation or Probation()) if seen is not None else None,
    )


def test_a_champion_that_is_worse_beyond_doubt_is_taken_back_and_the_night_says_why_first():
    decided = decide()
    assert (decided.action, decided.cause, decided.rolls_back_to) == (Action.ROLLBACK, Cause.WORSE_RELEASE, "2")
    assert decided.severity is Severity.WARNING
    assert decided.reasons == (
        "The champion answers worse than version 2, which it replaced: ROC AUC worse by 0.0200 on 9,000 rows of its first 14 "
        "days, 0.6900 against 0.7100 (99.67 % upper bound -0.0100, look 1 of 3); a loss of 0.0050 counts.",
        "Nothing stands out.",
        "Version 2 becomes the champion again.",
    )
    assert not decided.starts_training


@pytest.mark.parametrize(
    ("improvement", "upper", "expected"),
    [
        (-0.005, -1e-9, Action.ROLLBACK),
        (-0.005, 0.0, Action.LOG),
        (-0.00499, -0.001, Action.LOG),
        (-0.02, 0.001, Action.LOG),
        (0.0, 0.0, Action.LOG),
        (0.02, 0.03, Action.LOG),
    ],
)
def test_both_the_bound_and_the_loss_itself_must_say_so(improvement, upper, expected):
    decided = decide(compared=beside(improvement=improvement, upper=upper))
    assert decided.action is expected
    if expected is Action.LOG:
        assert decided.rolls_back_to is None
        assert "The champion is not shown to answer worse than version 2" in decided.reasons[1]
        assert decided.reasons[-1] == "Nothing to do."


@pytest.mark.parametrize(
    "seen",
    [
        beside(improvement=None),
        beside(upper=None),
        beside(rows=499),
        beside(days=4),
        beside(positives=29),
        beside(positives=9_000 - 29),
        beside(confidence=0.9),
        beside(release_version="4"),
        beside(bundle_digest="x" * 32),
        beside(as_of=beside().as_of - NIGHT),
        beside(model="others"),
        beside(not_measured_because="the column `gate` is gone."),
    ],
)
def test_what_is_not_known_takes_nothing_back_and_is_told(seen):
    decided = decide(compared=seen)
    assert (decided.action, decided.rolls_back_to, len(decided.reasons)) == (Action.LOG, None, 3)


def test_why_the_release_before_could_not_be_asked_is_told():
    decided = decide(compared=beside(not_measured_because="the column `gate` is gone."))
    assert decided.reasons[1] == "Version 2 could not be asked: the column `gate` is gone."


@pytest.mark.parametrize("cause", [Cause.UPSTREAM_FAULT, Cause.SERVICE_FAULT, Cause.LABELS_IMMATURE])
def test_while_a_fault_is_open_nothing_is_taken_back(cause):
    decided = decide(diagnosis(cause=cause, wants_probe=False))
    assert decided.action is not Action.ROLLBACK
    assert decided.rolls_back_to is None
    told = " ".join(decided.reasons)
    assert "It is not taken back tonight all the same." in told
    assert "A fault is open." in told or "No cause is known" in told


def test_a_check_that_could_tell_nothing_does_not_matter_where_both_were_measured():
    decided = decide(diagnosis(**QUIET | {"severity": Severity.UNKNOWN}, wants_probe=False))
    assert (decided.action, decided.rolls_back_to, decided.severity) == (Action.ROLLBACK, "2", Severity.WARNING)


def test_the_way_back_comes_before_a_training():
    """Where a refit beats a champion that should not be there, the release before may do as well."""
    decided = decide(diagnosis(), probe=measurement())
    assert (decided.action, decided.starts_training, decided.probed) == (Action.ROLLBACK, False, True)
    assert decided.severity is Severity.CRITICAL
    assert decided.reasons[1].startswith("A refit would have beaten the champion")


def test_a_champion_that_holds_may_be_retrained():
    decided = decide(diagnosis(), probe=measurement(), compared=beside(improvement=0.01, upper=0.02))
    assert (decided.action, decided.rolls_back_to) == (Action.RETRAIN, None)
    assert decided.reasons[-1] == "A training is started."
    assert "not shown to answer worse" in decided.reasons[-2]


def test_switched_off_it_decides_as_if_and_takes_nothing_back():
    decided = decide(probation=Probation(enabled=False))
    assert (decided.action, decided.rolls_back_to) == (Action.ROLLBACK, None)
    assert decided.reasons[-1] == "Nothing is taken back: `release.probation.enabled` is false."


def test_it_names_what_it_rests_on():
    seen, rules = beside(), Probation(minimum_effect=0.01)
    decided = decide(compared=seen)
    assert decided.probation_digest == digest_bytes(seen.to_bytes())
    assert decide(compared=None).probation_digest is None
    other = decide(compared=seen, probation=rules)
    assert other.policy_digest != decided.policy_digest != decide(compared=None).policy_digest
    assert decision_id(decide(compared=seen)) == decision_id(decided)


@pytest.mark.parametrize(("looks", "expected"), [((14,), 0.99), ((14, 21), 0.995), ((5, 10, 20, 40), 0.9975)])
def test_all_looks_together_are_as_sure_as_is_asked_for(looks, expected):
    assert Probation(look_after_days=looks).confidence_of_a_look == pytest.approx(expected)
