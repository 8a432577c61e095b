"""The whole stage on stored nights, with the report that Evidently draws."""

from datetime import date

import pytest

from evergreen.files import Files
from evergreen.stages.check_drift import check_drift
from evergreen.stages.check_drift import stage as module
from evergreen.tables.observations import read_observation
from watched_model import MONITORING, WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 23)
TONIGHT = date(2013, 4, 24)


@pytest.fixture
def model(tmp_path):
    model = WatchedModel(tmp_path, days=54, monitoring=MONITORING | {"min_rows": 100})
    model.say(A, B)
    return model


def checked(model, day=TONIGHT):
    return check_drift(model.definition, model.collect(day), model.settings)


def test_features_probabilities_and_labels_are_compared_and_drawn(model):
    night = checked(model)
    seen = read_observation(night, Files())
    checks = {finding.check for finding in seen.findings}
    assert checks == {"feature_drift", "prediction_drift", "answer_share", "label_drift"}
    assert seen.rows == 7 * 20
    labels = next(finding for finding in seen.findings if finding.check == "label_drift")
    assert labels.rows == 14 * 20  # the fourteen newest days that ended more than a week ago
    assert night.evidently_uri.endswith(".evidently.html")
    assert b"plotly" in Files().read_bytes(night.evidently_uri).lower()
    assert night.answers_uri.endswith("-answers.evidently.html")
    assert b"Classification" in Files().read_bytes(night.answers_uri)


def test_a_picture_that_cannot_be_drawn_loses_no_night(model, monkeypatch):
    def broken(*_, **__):
        raise ValueError("an odd column")

    monkeypatch.setattr(module, "draw_evidently", broken)
    night = checked(model)
    assert night.evidently_uri == ""
    assert sum(night.findings.values()) > 3


def test_an_old_night_says_the_same_again(model, monkeypatch):
    monkeypatch.setattr(module, "draw_evidently", lambda *_, **__: module.DrawnReport(None, {}))
    first = checked(model, date(2013, 4, 20))
    model.labels["_label"] = 1.0
    checked(model)
    assert checked(model, date(2013, 4, 20)) == first


def test_without_a_champion_there_is_nothing_to_look_at(model):
    collected = model.collect(TONIGHT).model_copy(update={"champion": None})
    night = check_drift(model.definition, collected, model.settings)
    assert (night.severity, night.findings, night.evidently_uri) == ("unknown", {}, "")
