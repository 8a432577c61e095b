"""The whole stage on stored nights."""

from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.observation import Severity
from evergreen.registry.decisions import DecisionStore
from evergreen.stages.check_performance import check_performance
from evergreen.tables.observations import read_observation
from watched_model import WatchedModel

A, B = date(2013, 4, 1), date(2013, 4, 23)
TONIGHT = date(2013, 4, 24)


@pytest.fixture
def model(tmp_path):
    model = WatchedModel(tmp_path, days=54)
    model.say(A, B)
    return model


def checked(model, day=TONIGHT):
    return check_performance(model.definition, model.collect(day), model.settings)


def test_the_night_is_judged_by_what_the_gate_measured(model):
    night = checked(model)
    seen = read_observation(night, Files())
    last = date(2013, 4, 16)  # ended on 17 April, 00:00 UTC, seven days and seven hours before tonight
    assert (seen.first_day, seen.last_day, seen.rows) == (date(2013, 4, 3), last, 14 * 20)
    judged = (model.frame["_day"] >= seen.first_day) & (model.frame["_day"] <= last)
    truth = model.labels.loc[judged, "_label"]
    metric = seen.findings[0]
    assert metric.value == pytest.approx(roc_auc_score(truth, model.frame.loc[judged, "_said"]), abs=1e-12)
    assert metric.limit == pytest.approx(0.65)
    assert (seen.release_version, seen.bundle_digest) == ("1", model.champion.bundle_digest)
    assert night.headline in [finding.reason for finding in seen.findings]


def test_answers_that_no_longer_come_true_are_critical(model):
    model.labels["_label"] = (np.random.default_rng(1).random(len(model.labels)) < 0.3).astype(float)
    night = checked(model)
    assert night.severity == Severity.CRITICAL
    assert "on 14 days to 2013-04-16 (280 outcomes, 100 % of labels in), expected 0.700" in night.headline
    assert "worse, beyond doubt (limit 0.05)" in night.headline


def test_an_old_night_says_the_same_again(model):
    first = checked(model, date(2013, 4, 20))
    model.labels.loc[model.labels["_day"] > date(2013, 4, 5), "_label"] = 1.0
    assert checked(model).observation_digest != first.observation_digest
    assert checked(model, date(2013, 4, 20)) == first


def test_nothing_that_came_later_is_read(model):
    early = checked(model, date(2013, 4, 20))
    later = model.labels["_label_available_at"] > model.night(date(2013, 4, 20))
    model.labels.loc[later, "_label"] = 1 - model.labels["_label"]
    model.land_labels(model.night(TONIGHT))
    again = check_performance(model.definition, model.collect(date(2013, 4, 20), land=False, force=True), model.settings)
    assert again == early


def test_days_that_the_champion_learned_from_are_no_evidence(model):
    model.say(date(2013, 3, 1), date(2013, 3, 14), as_of=model.night(date(2013, 4, 1)))
    seen = read_observation(checked(model, date(2013, 4, 2)), Files())
    # trained through 4 March: of the window, 12 to 25 March, only what was said is there
    assert seen.rows == 3 * 20
    assert {finding.severity for finding in seen.findings if finding.check == "metric"} == {Severity.UNKNOWN}
    early = checked(model, date(2013, 4, 1))
    assert early.severity == Severity.UNKNOWN


def test_without_a_champion_nothing_can_be_said(model):
    night = checked(model, date(2013, 3, 20))
    assert (night.severity, night.findings) == (Severity.UNKNOWN, {})


def test_a_measurement_that_is_gone_leaves_the_verdict_open_and_one_that_was_changed_is_refused(model):
    record = DecisionStore(model.settings.database_url).get(model.champion.decision_id)
    path = model.settings.home / record.measurement_uri.removeprefix(str(model.settings.home) + "/")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"0.7,", b"0.6,"))
    with pytest.raises(DigestMismatchError, match="measurement"):
        checked(model)
    path.unlink()
    metric = read_observation(checked(model), Files()).findings[0]
    assert metric.severity is Severity.UNKNOWN
    assert "is not known" in metric.reason
