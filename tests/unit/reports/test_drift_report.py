"""Evidently's page is drawn from whatever columns can be, loads nothing, and says what it left out."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from evergreen.reports.drift_report import draw_classification, draw_evidently
from evergreen.reports.drift_sample import sample_reference, sample_rows
from watched_streams import profile_of, stream

NUMBERS = ("amount", "gone", "empty", "constant", "wild")
LEARNED = stream(14, 50, seed=1)


def broken_window():
    frame = stream(7, 30, seed=2).drop(columns="_day")
    frame["empty"], frame["constant"] = np.nan, 3.0
    frame["wild"] = np.where(np.arange(len(frame)) % 2 == 0, np.inf, np.arange(len(frame)))
    frame["null"] = None
    return frame


@pytest.fixture(scope="module")
def drawn():
    reference = sample_reference(profile_of(LEARNED).features, 200)
    for name in ("gone", "empty", "constant", "wild"):
        reference[name] = np.random.default_rng(0).normal(size=200)
    reference["null"] = "a"
    return draw_evidently(broken_window(), reference, NUMBERS, ("kind", "null"))


def test_what_would_stop_evidently_is_left_out_and_said(drawn):
    assert drawn.left_out == {
        "gone": "missing from the window",
        "empty": "has 0 values in the window",
        "constant": "constant in the window",
        "null": "has 0 values in the window",
    }
    assert b"amount" in drawn.page
    assert b"kind" in drawn.page


def test_it_loads_nothing_from_elsewhere(drawn):
    page = drawn.page.decode()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", page)


def test_with_nothing_to_draw_there_is_no_page():
    nothing = pd.DataFrame({"amount": []})
    assert draw_evidently(nothing, nothing, ("amount",), ()).page is None


def test_answers_are_drawn_once_both_came_true():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"probability": rng.random(80), "label": rng.integers(0, 2, 80).astype(float)})
    frame["decision"] = frame["probability"] > 0.5
    frame.loc[:4, "label"] = np.nan
    assert b"plotly" in draw_classification(frame).lower()
    assert draw_classification(frame.assign(label=0.0)) is None
    assert draw_classification(frame.drop(columns="label")) is None


def test_a_sample_is_bounded_in_order_and_the_same_every_time():
    frame = pd.DataFrame({"x": np.arange(1000)})
    sample = sample_rows(frame, 100)
    assert len(sample) == 100
    assert sample["x"].is_monotonic_increasing
    assert sample.equals(sample_rows(frame, 100))
    assert sample_rows(frame, 1000) is frame


def test_rows_made_from_a_profile_have_its_distribution_and_its_gaps():
    learned = LEARNED.copy()
    learned.loc[learned.index % 4 == 0, "amount"] = np.nan
    made = sample_reference(profile_of(learned).features, 4000)
    assert made["amount"].isna().mean() == pytest.approx(0.25, abs=0.03)
    assert made["amount"].mean() == pytest.approx(learned["amount"].mean(), abs=1)
    assert made["kind"].value_counts(normalize=True)["a"] == pytest.approx((learned["kind"] == "a").mean(), abs=0.03)


def test_the_mix_of_weekdays_is_the_one_asked_for():
    by_weekday = {"amount": lambda r, n, d: np.full(n, float(d % 7)), "kind": lambda r, n, d: np.full(n, "a")}
    profile = profile_of(stream(14, 10, first_day=date(2013, 4, 1), **by_weekday))
    made = sample_reference(profile.features, 500, weekday_rows=[0, 3, 0, 0, 0, 1, 0])
    assert made["amount"].value_counts(normalize=True).to_dict() == pytest.approx({1.0: 0.75, 5.0: 0.25}, abs=0.06)
    nowhere = sample_reference(profile_of(LEARNED.iloc[:0]).features, 5)
    assert nowhere.isna().all().all()


def test_a_profile_without_values_stays_empty():
    learned = LEARNED.assign(amount=np.nan)
    assert sample_reference(profile_of(learned).features, 5)["amount"].isna().all()
