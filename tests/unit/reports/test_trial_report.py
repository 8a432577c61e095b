"""The page of a rollout's step: whole, self-contained, the same bytes every time, and honest about what is missing."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from evergreen.reports.trial_report import render_trial_page
from evergreen.stages.rollout import decide
from evergreen.trial_evidence import TrialRecord
from simulated_trials import BEGAN, Truth, evidence_of, simulate

DIGEST = "e" * 32


def a_record(truth, requests=600, **step):
    evidence = evidence_of(simulate(3, truth, requests, per_second=1), **step)
    return TrialRecord(evidence=evidence, decision=decide(evidence))


def render(record):
    return render_trial_page(record, evidence_digest=DIGEST, zone=ZoneInfo("America/New_York"))


def plain(page):
    return re.sub(r"\s+", " ", page.replace("&#39;", "'"))


@pytest.fixture(scope="module")
def passed():
    return a_record(Truth(failure_share=0.002))


def test_it_shows_what_came_of_it_every_rule_and_where_all_comes_from(passed):
    page = render(passed)
    text = plain(page)
    assert passed.decision.outcome == "pass"
    for reason in passed.decision.reasons:
        assert reason in text
    for rule in passed.decision.rules:
        assert f"{rule.name[0].upper()}{rule.name[1:]}" in text
        assert rule.found in text
    assert page.count("<svg") == 4
    assert DIGEST in page
    assert f"evergreen replay {'d' * 12}" in page
    assert "<code>ValueError</code>" in page


def test_what_is_broken_stands_first(passed):
    text = plain(render(a_record(Truth(failure_share=0.2, slowdown=20))))
    assert "Taken back" in text
    assert "Passed" not in text
    assert text.count("✕ no") == 2
    assert "over 10⁶ to 1" in text


def test_it_needs_nothing_from_elsewhere(passed):
    page = render(passed)
    assert not re.search(r"<script|<link|@import|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_record_gives_the_same_page(passed):
    assert render(TrialRecord.from_bytes(passed.to_bytes())) == render(passed)


def test_what_could_not_be_measured_is_shown_as_such():
    nobody = a_record(Truth(), 0, now=BEGAN + timedelta(hours=25))
    text = plain(render(nobody))
    assert "only 0 of 200 requests came" in text
    assert "None came." in text
    assert "unknown" in text


def test_all_failed_leaves_nothing_to_compare():
    page = render(a_record(Truth(failure_share=1.0), 20))
    assert page.count("<svg") == 2
    assert "Beside the champion" not in page


def test_errors_are_text():
    record = a_record(Truth(failure_share=0.2), 100)
    evidence = record.evidence.model_copy(update={"errors": (("<script>alert(1)</script>", 3),)})
    assert "<script>" not in render(record.model_copy(update={"evidence": evidence}))
