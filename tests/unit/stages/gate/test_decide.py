"""Both sides of every threshold, and every way of not knowing."""

import json

import pytest

from evergreen.definitions.gate import Budget, Guard, Primary, Slice
from evergreen.measurement import Measurement, Parity, RulingKind, Serving
from evergreen.results import Outcome
from evergreen.stages.gate import decide, replay
from gate_measurements import RULES, comparison, measurement, slice_of
from gate_simulation import judged_model


def primary(improvement, lower, upper, against="champion"):
    return comparison("roc_auc", against, 0.706 + improvement, 0.706, lower=lower, upper=upper)


def rules(**changes):
    return RULES.model_copy(update=changes)


def broken(decision):
    return [ruling.name for ruling in decision.rulings if not ruling.holds]


def test_a_better_challenger_is_promoted_and_the_reason_says_by_how_much():
    decision = decide(measurement(), RULES)
    assert decision.outcome is Outcome.PROMOTE
    assert broken(decision) == []
    assert decision.rows_needed is None
    assert decision.reasons[0] == (
        "ROC AUC 0.7420 against the champion's 0.7060 on 17,203 rows of 21 days: better by 0.0360 "
        "(95 % lower bound 0.0240), at least 0.0020 was asked for."
    )


@pytest.mark.parametrize(
    ("improvement", "lower", "upper", "expected"),
    [
        (0.036, 0.0000001, 0.07, Outcome.PROMOTE),  # any lower bound above zero
        (0.036, 0.0, 0.07, Outcome.INCONCLUSIVE),  # zero is not above zero
        (0.002, 0.0005, 0.004, Outcome.PROMOTE),  # just the minimum effect
        (0.00199, 0.0005, 0.004, Outcome.INCONCLUSIVE),  # better for sure, too little so far
        (0.0015, 0.0005, 0.0019, Outcome.KEEP),  # better for sure, and sure to be too little
        (0.0, -0.003, 0.002, Outcome.INCONCLUSIVE),  # the minimum effect itself is not ruled out
        (0.0, -0.003, 0.00199, Outcome.KEEP),
        (-0.02, -0.03, -0.01, Outcome.KEEP),
        (-0.02, -0.06, 0.02, Outcome.INCONCLUSIVE),
    ],
)
def test_the_gain(improvement, lower, upper, expected):
    assert decide(measurement(primary=primary(improvement, lower, upper)), RULES).outcome is expected


def test_without_a_minimum_effect_no_difference_at_all_keeps_the_champion():
    asked = rules(primary=Primary(minimum_effect=0))
    assert decide(measurement(primary=primary(0.0, 0.0, 0.0)), asked).outcome is Outcome.KEEP
    assert decide(measurement(primary=primary(0.0, -0.01, 0.01)), asked).outcome is Outcome.INCONCLUSIVE


def test_the_champion_itself_is_not_released_again():
    same = (judged_model("challenger"), judged_model("champion").model_copy(update={"bundle_digest": "c" * 32}))
    decision = decide(measurement(models=(*same, judged_model("baseline"))), RULES)
    assert decision.outcome is Outcome.KEEP
    assert "byte for byte" in decision.reasons[0]


def test_lower_is_better_where_the_metric_says_so():
    asked = rules(primary=Primary(metric="log_loss", minimum_effect=0.002))
    judged_by = measurement().terms.model_copy(update={"metric": "log_loss"})
    better = comparison("log_loss", "champion", 0.45, 0.47, lower=0.01, upper=0.03)
    worse = comparison("log_loss", "champion", 0.47, 0.465, lower=-0.008, upper=-0.002)
    baseline = comparison("log_loss", "baseline", 0.45, 0.54, lower=0.08, upper=0.1)
    slices = [slice_of("EWR", metric="log_loss")]
    for found, expected in ((better, Outcome.PROMOTE), (worse, Outcome.KEEP)):
        judged = measurement(primary=found, terms=judged_by, slices=slices)
        statistics = judged.statistics.model_copy(update={"comparisons": (*judged.statistics.comparisons, baseline)})
        assert decide(judged.model_copy(update={"statistics": statistics}), asked).outcome is expected
    assert better.improvement == pytest.approx(0.02)


class TestRowsNeeded:
    def test_a_gain_not_yet_shown_needs_what_brings_its_lower_bound_to_zero(self):
        decision = decide(measurement(primary=primary(0.01, -0.01, 0.03)), RULES)
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert decision.rows_needed == 17203 * 3  # the bound is twice as far as it may be: four times the days in all
        assert "About 51,609 more rows (63 days) would settle it" in decision.reasons[0]

    def test_a_gain_not_yet_ruled_out_needs_what_brings_its_upper_bound_to_the_minimum_effect(self):
        decision = decide(measurement(primary=primary(-0.004, -0.016, 0.008)), RULES)
        assert decision.rows_needed == 17203 * 3

    def test_no_number_is_given_that_nobody_could_wait_for(self):
        decision = decide(measurement(primary=primary(0.0019, -0.03, 0.03)), RULES)
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert decision.rows_needed is None
        assert "would not settle it" in decision.reasons[0]


@pytest.mark.parametrize(
    ("field", "least", "enough"),
    [("rows", 1000, 1000), ("days", 10, 10), ("positives", 50, 50), ("positives", 17203 - 50, 17153)],
)
def test_too_little_to_judge_on(field, least, enough):
    short = enough + 1 if enough > 17000 else least - 1
    enough_rows = {"rows": 1000, "positives": 400} if field == "rows" else {field: enough}
    short_rows = {"rows": 999, "positives": 400} if field == "rows" else {field: short}
    assert decide(measurement(statistics=enough_rows), RULES).outcome is Outcome.PROMOTE
    decision = decide(measurement(statistics=short_rows), RULES)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.rows_needed
    assert "has only" in decision.reasons[0]


def test_an_empty_holdout_says_why_and_what_is_needed():
    empty = measurement(
        metrics=dict.fromkeys(RULES_METRICS, (None, None, None)),
        statistics={"rows": 0, "positives": 0, "days": 0, "slices": (), "first_day": None, "last_day": None},
        serving=None,
        parity=Parity(max_difference=None, rows=0),
        unjudged_rows=17203,
    )
    decision = decide(empty, RULES)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.rows_needed == 1000
    assert "17,203 rows had to be left out" in decision.reasons[0]


RULES_METRICS = ("roc_auc", "average_precision", "log_loss", "brier_score", "calibration_error", "cost_per_row")


@pytest.mark.parametrize(
    ("metric", "values", "holds"),
    [
        ("roc_auc", (0.6, 0.56, 0.5), True),
        ("roc_auc", (0.5999, 0.56, 0.5), False),
        ("log_loss", (0.475, 0.465, 0.54), True),
        ("log_loss", (0.4751, 0.465, 0.54), False),
        ("calibration_error", (0.1, 0.02, 0.03), True),
        ("calibration_error", (0.1001, 0.02, 0.03), False),
    ],
)
def test_guards(metric, values, holds):
    decision = decide(measurement(metrics={metric: values}), RULES)
    assert decision.outcome is (Outcome.PROMOTE if holds else Outcome.KEEP)
    assert holds or ("asked for" in decision.reasons[0] or "is allowed" in decision.reasons[0])


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "calibration_error"])
def test_a_guard_that_could_not_be_measured_is_never_a_promotion(metric):
    decision = decide(measurement(metrics={metric: (None, None, None)}), RULES)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "could not be measured" in " ".join(decision.reasons)


def test_a_guard_without_its_comparison_is_never_a_promotion():
    judged = measurement()
    left = tuple(c for c in judged.statistics.comparisons if (c.metric, c.against) != ("log_loss", "champion"))
    decision = decide(
        judged.model_copy(update={"statistics": judged.statistics.model_copy(update={"comparisons": left})}), RULES
    )
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert broken(decision) == ["log loss against the champion"]


class TestBaseline:
    @pytest.mark.parametrize(("gain", "outcome"), [(0.0019, Outcome.KEEP), (0.002, Outcome.PROMOTE), (-0.01, Outcome.KEEP)])
    def test_a_challenger_must_beat_it_too(self, gain, outcome):
        held = comparison("roc_auc", "baseline", 0.742, 0.742 - gain, lower=gain - 0.01, upper=gain + 0.01)
        held = held.model_copy(update={"improvement": gain})
        assert decide(measurement(primary=held), RULES).outcome is outcome

    def test_a_champion_below_it_is_replaced_though_the_challenger_is_not_beyond_doubt_above_it(self):
        doubtful = comparison("roc_auc", "baseline", 0.742, 0.71, lower=-0.002, upper=0.07)
        assert decide(measurement(primary=doubtful), RULES).outcome is Outcome.PROMOTE

    def test_without_a_comparison_nothing_is_promoted(self):
        judged = measurement()
        left = tuple(c for c in judged.statistics.comparisons if c.against != "baseline" or c.metric != "roc_auc")
        cut = judged.model_copy(update={"statistics": judged.statistics.model_copy(update={"comparisons": left})})
        assert decide(cut, RULES).outcome is not Outcome.PROMOTE

    def test_it_is_the_model_to_beat_while_there_is_no_champion(self):
        decision = decide(measurement(champion=False), RULES)
        assert decision.outcome is Outcome.PROMOTE
        assert "the baseline's 0.6000" in decision.reasons[0]
        doubtful = measurement(champion=False, primary=primary(0.03, -0.001, 0.06, against="baseline"))
        assert decide(doubtful, RULES).outcome is Outcome.INCONCLUSIVE

    def test_a_first_champion_must_meet_the_floors(self):
        low = measurement(champion=False, metrics={"roc_auc": (0.59, None, 0.5)})
        assert decide(low, RULES).outcome is Outcome.KEEP

    def test_a_first_champion_is_not_asked_to_be_no_worse_than_nobody(self):
        worse = measurement(champion=False, metrics={"log_loss": (0.60, None, 0.54)})
        assert decide(worse, RULES).outcome is Outcome.PROMOTE


class TestSlices:
    @pytest.mark.parametrize(
        ("drop", "chance", "expected"),
        [
            (0.0201, 0.05 / 3, Outcome.KEEP),  # three slices are judged: Holm asks for a third
            (0.0201, 0.05 / 3 + 0.0001, Outcome.PROMOTE),  # may be chance
            (0.02, 0.0, Outcome.PROMOTE),  # just what is allowed
            (0.5, 0.2, Outcome.PROMOTE),
        ],
    )
    def test_a_sure_loss_blocks(self, drop, chance, expected):
        slices = [slice_of("EWR"), slice_of("JFK", drop=drop, chance=chance), slice_of("LGA")]
        decision = decide(measurement(slices=slices), RULES)
        assert decision.outcome is expected
        assert (expected is Outcome.PROMOTE) or decision.reasons[0].startswith("origin JFK loses: ROC AUC")

    @pytest.mark.parametrize(
        ("changes", "judged"),
        [
            ({"rows": 500}, True),
            ({"rows": 499}, False),
            ({"positives": 0}, False),
            ({"positives": 5000}, False),
            ({"chance": None}, False),
            ({"improvement": None}, False),
        ],
    )
    def test_what_is_judged(self, changes, judged):
        lost = slice_of("JFK", **({"drop": 0.3, "chance": 0.0, "positives": 100} | changes))
        decision = decide(measurement(slices=[slice_of("EWR"), lost]), RULES)
        assert decision.outcome is (Outcome.KEEP if judged else Outcome.PROMOTE)
        assert ("origin=JFK" in decision.slice_chances) is judged

    @pytest.mark.parametrize("slices", [[], [slice_of("EWR", rows=499)], [slice_of("EWR", by="carrier")]])
    def test_a_column_without_a_judged_value_blocks(self, slices):
        decision = decide(measurement(slices=slices), RULES)
        assert decision.outcome is Outcome.KEEP
        assert "No value of origin could be judged" in decision.reasons[0]

    def test_slices_of_the_wrong_comparison_do_not_count(self):
        slices = [slice_of("EWR", against="baseline")]
        assert decide(measurement(slices=slices), RULES).outcome is Outcome.KEEP

    def test_every_loser_is_named_the_worst_first(self):
        lost = [slice_of(name, drop=0.1 + number / 100, chance=0.0) for number, name in enumerate(("EWR", "JFK", "LGA"))]
        reason = decide(measurement(slices=lost), RULES).reasons[0]
        assert reason.startswith("origin LGA loses")
        assert reason.endswith("So do JFK, EWR.")


@pytest.mark.parametrize(("field", "most"), [("single_row_p99_ms", 20.0), ("batch_1000_rows_ms", 500.0), ("model_mb", 50.0)])
def test_the_serving_budget(field, most):
    fast = {"single_row_p50_ms": 1, "single_row_p99_ms": 1, "batch_1000_rows_ms": 1, "model_mb": 1, "rounds": 5, "calls": 200}
    for found, expected in ((most, Outcome.PROMOTE), (most * 1.0001, Outcome.KEEP)):
        assert decide(measurement(serving=Serving(**(fast | {field: found}))), RULES).outcome is expected
    assert RULES.budget == Budget(single_row_p99_ms=20, batch_1000_rows_ms=500, model_mb=50)


def test_a_budget_that_was_not_measured_is_never_a_promotion():
    assert decide(measurement(serving=None), RULES).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("difference", "rows", "expected"),
    [
        (1e-5, 100, Outcome.PROMOTE),
        (1.01e-5, 100, Outcome.KEEP),
        (None, 100, Outcome.INCONCLUSIVE),
        (0.0, 0, Outcome.INCONCLUSIVE),
    ],
)
def test_the_engines_must_agree(difference, rows, expected):
    assert decide(measurement(parity=Parity(max_difference=difference, rows=rows)), RULES).outcome is expected


@pytest.mark.parametrize("field", ["challenger", "reference", "improvement", "lower", "upper"])
def test_an_unknown_gain_is_never_a_promotion(field):
    unknown = primary(0.036, 0.024, 0.05).model_copy(update={field: None})
    decision = decide(measurement(primary=unknown), RULES)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "could not be measured" in decision.reasons[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"resamples": 999},
        {"primary": Primary(confidence=0.9)},
        {"primary": Primary(metric="log_loss")},
        {"slices": (Slice(by="carrier"),)},
        {"holdout": RULES.holdout * 2},
    ],
)
def test_a_measurement_on_other_terms_decides_nothing(changes):
    decision = decide(measurement(), rules(**changes))
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "evaluate again" in decision.reasons[0]


def test_rows_that_a_model_may_have_seen_decide_nothing():
    for changes in ({"overlapping_rows": 1}, {"judged_after": "2013-03-01T00:00:00Z"}):
        decision = decide(measurement(**changes), RULES)
        assert decision.outcome is Outcome.INCONCLUSIVE
        assert "may have seen" in decision.reasons[0]


@pytest.mark.parametrize("roles", [("challenger",), ("challenger", "champion"), ("challenger", "baseline", "baseline"), ()])
def test_the_wrong_set_of_models_decides_nothing(roles):
    decision = decide(measurement(models=tuple(judged_model(role) for role in roles)), RULES)
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_a_broken_limit_outweighs_an_open_question():
    slow = Serving(single_row_p50_ms=1, single_row_p99_ms=21, batch_1000_rows_ms=1, model_mb=1, rounds=5, calls=200)
    decision = decide(measurement(primary=primary(0.01, -0.01, 0.03), serving=slow), RULES)
    assert decision.outcome is Outcome.KEEP
    assert "serving budget" in decision.reasons[0]
    assert decision.rows_needed is None


def test_a_promotion_means_that_every_rule_holds():
    decision = decide(measurement(), RULES)
    assert {ruling.kind for ruling in decision.rulings} == set(RulingKind)
    assert all(ruling.holds for ruling in decision.rulings)


def test_a_decision_is_replayed_from_bytes_word_for_word():
    stored = measurement().to_bytes()
    first, second = replay(stored, RULES), replay(stored, RULES)
    assert first.to_bytes() == second.to_bytes() == decide(measurement(), RULES).to_bytes()
    assert Measurement.from_bytes(stored).to_bytes() == stored


def test_a_replay_under_another_threshold_may_end_otherwise():
    stored = measurement().to_bytes()
    asked = rules(guards=(Guard(metric="roc_auc", limit=0.75),))
    assert replay(stored, asked).outcome is Outcome.KEEP


@pytest.mark.parametrize("number", ["NaN", "Infinity", '"much"', "null"])
def test_bytes_with_a_number_that_is_none_are_refused(number):
    stored = json.loads(measurement().to_bytes())
    stored["serving"]["model_mb"] = "HERE"
    with pytest.raises(ValueError, match="model_mb"):
        replay(json.dumps(stored).replace('"HERE"', number).encode(), RULES)
