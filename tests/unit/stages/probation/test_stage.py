"""The stage on stored answers, labels, features and bundles: a new champion beside the release that it replaced."""

from datetime import date, timedelta

import numpy as np
import pytest

from evergreen.digests import digest_bytes
from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.observation import ProbationMeasurement
from evergreen.predictors.bundle import load_predictor
from evergreen.stages.probation import compare, due_look, not_compared
from evergreen.statistics.roc_auc import roc_auc
from evergreen.tables.night_files import read_evidence
from watched_model import WatchedModel

RELEASED = date(2013, 4, 10)
LAST = date(2013, 4, 23)
"""The last day of the first look."""
NIGHT = date(2013, 5, 1)


class Probation:
    """A champion that was replaced on 10 April, and what the new one says since."""

    def __init__(self, home, change=lambda said: said):
        self.model = WatchedModel(home, days=70)
        self.model.say(date(2013, 4, 1), RELEASED - timedelta(days=1))
        self.new = self.model.release(2, "logistic_regression", day=RELEASED)
        self.model.say(RELEASED, NIGHT - timedelta(days=1), champion=self.new, change=change)

    def compare(self, day=NIGHT, **changes):
        collected = self.model.collect(day).model_copy(update=changes)
        look = due_look(self.model.definition, collected)
        found = compare(self.model.definition, collected, look, self.model.features, self.model.settings)
        return found, read_evidence(ProbationMeasurement, found.measurement_uri, found.measurement_digest, Files())


@pytest.fixture
def upside_down(tmp_path):
    return Probation(tmp_path, lambda said: 1 - said)


def test_a_champion_that_says_the_opposite_is_worse_than_one_that_knows_nothing(upside_down):
    found, measured = upside_down.compare()
    model = upside_down.model
    frame = model.frame.merge(model.labels, on=["_key", "_day"])
    frame = frame[(frame["_day"] >= RELEASED) & (frame["_day"] <= LAST)]
    before = load_predictor(Files(), model.champion.bundle_uri, model.champion.bundle_digest)
    label = frame["_label"].to_numpy()
    assert measured.champion == pytest.approx(roc_auc(label, 1 - frame["_said"].to_numpy()))
    assert measured.replaced == pytest.approx(roc_auc(label, before.probability(frame)))
    assert measured.improvement == pytest.approx(measured.champion - measured.replaced)
    assert measured.upper < 0
    assert (measured.rows, measured.days, measured.positives) == (280, 14, label.sum())
    assert (measured.look, measured.looks, measured.first_day, measured.last_day) == (1, 3, RELEASED, LAST)
    assert (measured.release_version, measured.replaced_version) == ("2", "1")
    assert (found.version, found.replaced_version, found.upper) == ("2", "1", measured.upper)
    assert found.measurement_digest == digest_bytes(measured.to_bytes())


def test_a_champion_that_knows_more_is_better(tmp_path):
    _, measured = Probation(tmp_path).compare()
    assert measured.improvement > 0.05
    assert measured.upper > 0


def test_the_same_look_is_of_the_same_rows_on_whichever_night_it_is_made(upside_down):
    first, second = (upside_down.compare(NIGHT + timedelta(days=later))[1] for later in (0, 2))
    assert first.rows_digest == second.rows_digest
    assert (first.improvement, first.upper) == (second.improvement, second.upper)
    assert first.as_of < second.as_of


def test_days_that_were_set_aside_and_rows_without_a_label_are_left_out(upside_down):
    model = upside_down.model
    late = model.labels["_day"] == date(2013, 4, 15)
    model.labels.loc[late, "_label_available_at"] += timedelta(days=90)
    _, measured = upside_down.compare(set_aside=(date(2013, 4, 12),))
    assert (measured.rows, measured.days) == (240, 12)


def test_rows_that_the_champion_has_learned_from_say_nothing_of_it(tmp_path):
    probation = Probation(tmp_path, lambda said: 1 - said)
    model = probation.model
    seen = probation.new.model_copy(update={"trained_through": model.night(date(2013, 4, 13))})
    model.say(RELEASED, date(2013, 4, 16), champion=seen, as_of=model.night(NIGHT), change=lambda said: 1 - said)
    _, measured = probation.compare()
    assert measured.days == 11
    assert measured.rows < 280 - 40


def test_what_others_said_does_not_count(upside_down):
    model = upside_down.model
    model.say(date(2013, 4, 12), date(2013, 4, 14), champion=model.champion, as_of=model.night(NIGHT), change=np.sqrt)
    _, measured = upside_down.compare()
    assert measured.rows == 280


def test_a_night_without_any_row_measures_nothing(tmp_path):
    probation = Probation(tmp_path)
    _, measured = probation.compare(set_aside=tuple(RELEASED + timedelta(days=n) for n in range(14)))
    assert (measured.rows, measured.improvement, measured.upper, measured.not_measured_because) == (0, None, None, "")


def test_that_the_release_before_cannot_be_asked_is_kept(upside_down):
    model = upside_down.model
    collected = model.collect(NIGHT)
    look = due_look(model.definition, collected)
    found = not_compared(model.definition, collected, look, model.settings, because="the column `gate` is gone.")
    measured = read_evidence(ProbationMeasurement, found.measurement_uri, found.measurement_digest, Files())
    assert (measured.not_measured_because, measured.improvement) == ("the column `gate` is gone.", None)


def test_a_bundle_that_was_changed_is_refused(upside_down):
    model = upside_down.model
    uri = f"{model.champion.bundle_uri}/manifest.json"
    Files().write_bytes(uri, Files().read_bytes(uri).replace(b"logistic", b"Logistic"))
    with pytest.raises(DigestMismatchError):
        upside_down.compare()
