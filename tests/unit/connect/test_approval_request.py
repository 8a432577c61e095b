"""What a person reads who is asked about a release."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.connect.approval_request import plain, request_body, request_subject
from evergreen.definitions.release import Approval
from evergreen.results import Candidate, Outcome, RegisteredVersion, Verdict
from gate_measurements import measurement, slice_of

AS_OF = datetime(2013, 4, 1, 7, tzinfo=UTC)
APPROVAL = Approval(response_timeout=timedelta(hours=8), default="reject")


def a_verdict(**changes):
    candidate = Candidate(
        name="xgboost",
        bundle_uri="/bundle",
        bundle_digest="b" * 32,
        trained_from=AS_OF,
        trained_through=AS_OF,
        training_rows=1000,
        features_digest="f" * 32,
        mlflow_run_id="run",
        metrics={},
        seconds=1.0,
    )
    value = {
        "model": "flights",
        "as_of": AS_OF,
        "outcome": Outcome.PROMOTE,
        "reasons": ("ROC AUC 0.7420 against the champion's 0.7060", "No origin loses more than 0.0200"),
        "decision_id": "d" * 32,
        "challenger": candidate,
        "champion_version": "3",
        "measurement_uri": "/m.json",
        "report_uri": "/r.html",
    }
    return Verdict(**(value | changes))


def body(verdict=None, found=None, links=None):
    registered = RegisteredVersion(
        model="flights", version="4", bundle_digest="b" * 32, bundle_uri="/bundle", decision_id="d" * 32, mlflow_run_id="run"
    )
    return request_body(registered, verdict or a_verdict(), found or measurement(), APPROVAL, links or {})


def test_the_question_names_both_versions():
    registered = RegisteredVersion(
        model="flights", version="4", bundle_digest="b", bundle_uri="/b", decision_id="d", mlflow_run_id="run"
    )
    assert request_subject(registered, a_verdict()) == "Release version 4 of flights in place of version 3?"
    assert request_subject(registered, a_verdict(champion_version=None)).endswith("as its first champion?")


def test_reasons_metrics_and_what_happens_without_an_answer():
    text = body()
    assert "- ROC AUC 0.7420 against the champion's 0.7060" in text
    assert "| over 17,203 rows of 21 days | challenger | champion | baseline |" in text
    assert "| ROC AUC | 0.7420 | 0.7060 | 0.6000 |" in text
    assert text.endswith("Without an answer within 8h: **reject**.")


def test_a_first_champion_is_shown_beside_the_baseline_alone():
    assert "| challenger | baseline |" in body(found=measurement(champion=False))


def test_the_slices_that_gain_least_come_first():
    slices = [slice_of("EWR", drop=-0.03), slice_of("LGA", drop=0.015), slice_of("JFK", drop=-0.01)]
    found = re.findall(r"- origin = (\w+): ([+-]0\.\d+) on", body(found=measurement(slices=slices)))
    assert found == [("LGA", "-0.0150"), ("JFK", "+0.0100"), ("EWR", "+0.0300")]


def test_links_that_lead_nowhere_are_left_out():
    text = body(links={"The gate's page": "http://127.0.0.1:8080/page", "the run in MLflow": ""})
    assert "[The gate's page](http://127.0.0.1:8080/page)" in text
    assert "MLflow" not in text


@pytest.mark.parametrize("name", ["a|b", "[click](http://x)", "<img src=x>", "**bold**", "# head", "two\nlines"])
def test_a_name_from_the_data_is_shown_as_it_is(name):
    text = body(verdict=a_verdict(reasons=(f"New category {name} in carrier",)))
    line = next(line for line in text.splitlines() if line.startswith("- New category"))
    assert re.sub(r"\\(.)", r"\1", line) == f"- New category {' '.join(name.split())} in carrier"
    assert not re.search(r"(?<!\\)[\[\]<>|*#]", line)


@given(st.text())
def test_escaping_loses_nothing_but_white_space(text):
    assert re.sub(r"\\(.)", r"\1", plain(text)) == " ".join(text.split())
