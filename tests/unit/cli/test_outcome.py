from typing import Any

import pytest
from rich.console import Console

from evergreen.cli.departures import spread
from evergreen.cli.outcome import show_night, show_scored, show_training

VERDICT = {
    "outcome": "promote",
    "challenger": {"name": "xgboost"},
    "reasons": ["better by 0.05 [bold]"],
    "rows_needed": None,
    "decision_id": "3fa09c1b24d7",
    "report_uri": "/reports/gate.html",
}
RELEASE = {"version": "2", "previous_version": "1", "rollout": "direct"}


def printed(capsys: pytest.CaptureFixture[str], returned: dict[str, Any]) -> str:
    show_training(Console(), returned)
    return capsys.readouterr().out


def test_a_promotion_names_verdict_reasons_and_release(capsys: pytest.CaptureFixture[str]) -> None:
    candidate = {"name": "xgboost", "metrics": {"roc_auc": 0.7112}}
    text = printed(capsys, {"train": [candidate], "gate": VERDICT, "release": RELEASE})
    assert "roc_auc 0.7112" in text
    assert "verdict:  promote (xgboost)" in text
    assert "better by 0.05 [bold]" in text  # what others wrote is no markup
    assert "version 2 is champion, in place of version 1" in text


def test_without_a_release_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "released: nothing" in printed(capsys, {"gate": {**VERDICT, "outcome": "keep"}})


def test_inconclusive_says_how_many_rows_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, {"gate": {**VERDICT, "outcome": "inconclusive", "rows_needed": 12000}})
    assert "about 12,000 more labelled rows" in text


@pytest.mark.parametrize(("written", "word"), [(True, "written"), (False, "already there")])
def test_scored_says_whether_it_wrote(capsys: pytest.CaptureFixture[str], written: bool, word: str) -> None:
    scored = {"rows": 900, "day": "2013-04-01", "release_version": "1", "written": written, "uri": "/t", "table_version": 0}
    show_scored(Console(), {"score": scored})
    assert word in capsys.readouterr().out


def test_spread_takes_the_ends_and_what_lies_evenly_between() -> None:
    rows = [{"flight_id": str(number), "probability": number / 100} for number in range(100)]
    assert [row["flight_id"] for row in spread(rows[::-1], 4)] == ["0", "33", "66", "99"]
    assert len(spread(rows[:3], 4)) == 3


def test_a_night_names_what_it_saw_why_it_decided_and_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    decided = {
        "severity": "critical",
        "action": "retrain",
        "cause": "concept_drift",
        "reasons": ["a refit gains 0.03 [bold]"],
        "decision_id": "d" * 32,
        "report_uri": "/reports/night.html",
    }
    checked = {"kind": "drift", "severity": "warning", "headline": "temp moved"}
    request = {"trigger_dag_id": "m.training", "conf": {"as_of": "2013-05-01T07:00:00+00:00", "decision": "d" * 32}}
    show_night(Console(), {"check_drift": checked, "decide": decided, "due": [request]})
    text = capsys.readouterr().out
    assert "drift:        warning, temp moved" in text
    assert "decided:      retrain (concept drift)" in text
    assert "a refit gains 0.03 [bold]" in text
    assert f"evergreen run training m --as-of 2013-05-01T07:00:00+00:00 --decision {'d' * 32}" in " ".join(text.split())
