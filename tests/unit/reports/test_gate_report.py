"""The gate page: whole, self-contained, the same bytes every time, and honest about what is missing."""

import re

import pytest

from evergreen.measurement import Parity
from evergreen.reports.gate_report import render_gate_page
from evergreen.stages.gate import decide
from gate_measurements import RULES, comparison, measurement, slice_of
from gate_simulation import World, flights_gate, measure_answers, simulate
from released_models import a_definition

GATE = flights_gate(resamples=200)
DEFINITION = a_definition().model_copy(update={"gate": GATE})


@pytest.fixture(scope="module")
def judged():
    return measure_answers(simulate(1, World(days=12, rows_per_day=150), challenger_noise=0.1), GATE, figures=True)


@pytest.fixture(scope="module")
def page(judged):
    return render_gate_page(judged, DEFINITION, decision=decide(judged, GATE), decision_id="3fa09c1b24d7" * 2)


def test_it_shows_verdict_reasons_rules_curves_and_where_all_comes_from(judged, page):
    decision = decide(judged, GATE)
    text = re.sub(r"\s+", " ", page.replace("&#39;", "'"))
    for reason in decision.reasons:
        assert reason in text
    for ruling in decision.rulings:
        assert f"{ruling.name[0].upper()}{ruling.name[1:]}" in text
    assert page.count("<svg") == 8
    for digest in (judged.holdout_digest, judged.predictions_digest, judged.features_digest, judged.snapshot_digest):
        assert digest in page
    assert "evergreen replay 3fa09c1b24d7" in page


def test_it_needs_nothing_from_elsewhere(page):
    assert not re.search(r"<script|<link|@import|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_measurement_gives_the_same_page(judged, page):
    again = render_gate_page(judged, DEFINITION, decision=decide(judged, GATE), decision_id="3fa09c1b24d7" * 2)
    assert again == page


def test_before_the_gate_has_looked_it_says_so(judged):
    page = render_gate_page(judged, DEFINITION, decision=None)
    assert "Measured, not decided" in page
    assert "Every rule" not in page
    assert "Promote" not in page


def test_what_could_not_be_measured_is_shown_as_such():
    empty = measurement(
        metrics=dict.fromkeys(("roc_auc", "average_precision", "log_loss", "brier_score"), (None, None, None)),
        statistics={"rows": 0, "positives": 0, "days": 0, "slices": (), "first_day": None, "last_day": None},
        serving=None,
        parity=Parity(max_difference=None, rows=0),
    )
    page = render_gate_page(empty, DEFINITION.model_copy(update={"gate": RULES}), decision=decide(empty, RULES))
    assert "Inconclusive" in page
    assert "not measured" in page
    assert "<svg" not in page


def test_a_lost_slice_stands_out_and_its_name_is_escaped():
    lost = slice_of("<b>", drop=0.2, chance=0.0)
    judged = measurement(slices=[lost, slice_of("EWR")])
    page = render_gate_page(judged, DEFINITION.model_copy(update={"gate": RULES}), decision=decide(judged, RULES))
    assert '<tr class="bad">' in page
    assert "<b><b>" not in page
    assert "&lt;b&gt;" in page


def test_bounds_carry_their_sign():
    held = comparison("roc_auc", "champion", 0.70, 0.71, lower=-0.02, upper=0.001)
    judged = measurement(primary=held)
    page = render_gate_page(judged, DEFINITION.model_copy(update={"gate": RULES}), decision=decide(judged, RULES))
    assert "\u22120.0200 to +0.0010" in page
