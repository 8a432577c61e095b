"""`evergreen replay` decides again on what a challenger did in its rollout."""

import pytest
from rich.console import Console

from evergreen.cli.replay import _replay_trials
from evergreen.files import Files
from evergreen.settings import Settings
from evergreen.stages.rollout import decide
from evergreen.stages.rollout.kept import keep
from evergreen.trial_evidence import TrialRecord
from released_models import MODEL, a_bundle, judge
from simulated_trials import Truth, evidence_of, simulate


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def kept(settings, decision_id, truth):
    evidence = evidence_of(simulate(1, truth, 400)).model_copy(update={"rollout_id": decision_id, "model": MODEL})
    return keep(TrialRecord(evidence=evidence, decision=decide(evidence)), settings)


def test_every_kept_decision_is_shown_and_taken_again(settings):
    record = judge(settings, a_bundle(settings, "baseline")).record
    console = Console(record=True, width=200, quiet=False)
    assert _replay_trials(record, settings, console)
    assert console.export_text() == "", "it was never tried out"
    kept(settings, record.id, Truth())
    uri, _ = kept(settings, record.id, Truth(failure_share=0.3))
    assert _replay_trials(record, settings, console)
    text = console.export_text()
    assert text.count("the same, word for word") == 2
    assert "roll_back" in text
    assert "It could not answer" in text

    found = TrialRecord.from_bytes(Files().read_bytes(uri))
    keep(found.model_copy(update={"decision": found.decision.model_copy(update={"reasons": ("because",)})}), settings)
    assert not _replay_trials(record, settings, console)
    assert console.export_text().count("it differs") == 1
