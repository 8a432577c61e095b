"""A new champion that proves worse than the one before, through the whole night: seen on real flights, and taken back."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.files import Files
from evergreen.observation import ProbationMeasurement
from evergreen.predictors.bundle import read_bundle
from evergreen.registry.decisions import DecisionStore
from evergreen.registry.nights import NightStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import Candidate, ChampionVersion, ComparedReleases, Outcome
from evergreen.stages.retrain import replay
from evergreen.tables.night_files import read_evidence
from integration.night import MODEL, Night
from released_models import Nowhere, judge

SHIPPED = Path(__file__).parents[2] / "include" / "models" / MODEL
RELEASED = datetime(2013, 2, 15, 8, tzinfo=UTC)


@pytest.fixture
def on_probation(tmp_path, champion_home, seeded_landing):
    """A home whose definition looks at a new champion after five days, and is easily convinced."""
    shutil.copytree(champion_home.settings.home, tmp_path, dirs_exist_ok=True)
    shutil.copytree(SHIPPED, tmp_path / "models" / MODEL, ignore=shutil.ignore_patterns("data", "__pycache__"))
    model = tmp_path / "models" / MODEL / "model.yaml"
    probation = "\nrelease:\n  probation: {look_after_days: [5], confidence: 0.6, minimum_effect: 0.0}\n"
    model.write_text(model.read_text().replace("mature_after: 2d", "mature_after: 1d") + probation)
    return Night(tmp_path, definitions_dir=tmp_path / "models")


def release_the_other_candidate(night: Night) -> None:
    trained = night.run("training", "2013-02-15")
    judged = trained.returned["evaluate"]["challenger"]["name"]
    candidates = {each.name: each for each in map(Candidate.from_xcom, trained.returned["train"])}
    (candidate,) = (each for name, each in candidates.items() if name not in ("baseline", judged))
    plain = judge(night.settings, candidate, against="1", outcome=Outcome.KEEP).record
    changes = {"model": MODEL, "as_of": RELEASED, "outcome": Outcome.PROMOTE}
    record = DecisionStore(night.settings.database_url).record(plain.model_copy(update=changes))
    manifest, _ = read_bundle(Files(), candidate.bundle_uri, candidate.bundle_digest)
    version = ChampionVersion(
        model=MODEL,
        version="2",
        bundle_uri=candidate.bundle_uri,
        bundle_digest=candidate.bundle_digest,
        decision_id=record.id,
        mlflow_run_id="",
        trained_through=manifest.trained_through,
        features_source_digest=manifest.features_source_digest,
    )
    registry = ReleaseRegistry(night.settings, mirror=Nowhere())
    registry.register(version)
    registry.promote(MODEL, "2", record.id, "1", actor="test")


@pytest.mark.slow
def test_the_release_before_comes_back_and_the_night_says_why(on_probation):
    night, registry = on_probation, ReleaseRegistry(on_probation.settings)
    before = registry.champion(MODEL)
    release_the_other_candidate(night)
    assert registry.champion(MODEL).version == "2"
    for as_of in ("2013-02-16", "2013-02-21"):
        scored = night.run("scoring", as_of)
        assert scored.succeeded, scored.errors

    outcome = night.run("monitoring", "2013-02-21")

    assert outcome.succeeded, outcome.errors
    compared = ComparedReleases.from_xcom(outcome.returned["compare"])
    seen = read_evidence(ProbationMeasurement, compared.measurement_uri, compared.measurement_digest, Files())
    assert (seen.release_version, seen.replaced_version, seen.days) == ("2", before.version, 5)
    assert seen.rows > 3000
    assert seen.champion < seen.replaced
    decided = outcome.returned["decide"]
    assert (decided["action"], decided["rolls_back_to"]) == ("rollback", before.version), decided["reasons"]
    assert outcome.returned["roll_back"]["version"] == before.version
    assert registry.champion(MODEL) == before
    assert registry.timeline(MODEL)[0].actor == "monitoring"
    kept = NightStore(night.settings.database_url).get(decided["decision_id"])
    assert replay(kept, night.settings).same
    page = Path(decided["report_uri"]).read_text()
    assert "Roll back" in page
    assert "which it replaced" in page
