"""A champion released with another features.py or model.yaml than today's answers by its own."""

import shutil
from pathlib import Path

import pytest

from evergreen.definitions import load_definition
from evergreen.definitions.feature_layout import FeatureLayout
from evergreen.files import Files
from evergreen.measurement import Measurement
from evergreen.registry.releases import ReleaseRegistry
from integration.night import MODEL, Night

SHIPPED = Path(__file__).parents[2] / "include" / "models" / MODEL


@pytest.fixture
def changing(tmp_path, seeded_landing, airflow_home):
    """A home with a model folder of its own, whose first champion stands."""
    shutil.copytree(seeded_landing, tmp_path / "landing")
    shutil.copytree(SHIPPED, tmp_path / "models" / MODEL, ignore=shutil.ignore_patterns("data", "__pycache__"))
    night = Night(tmp_path, definitions_dir=tmp_path / "models")
    first = night.run("training", "2013-02-15", candidates=["logistic_regression"])
    assert first.returned["release"]["version"] == "1", first.errors
    return night


def edit(night: Night, name: str, old: str, new: str) -> None:
    path = night.settings.definitions_dir / MODEL / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.slow
def test_champion_and_challenger_are_each_judged_with_their_own_features(changing):
    # A feature the champion never knew, by which the gate slices as well.
    edit(
        changing,
        "features.py",
        '        "flights_that_hour",\n',
        '        "flights_that_hour",\n        nw.col("dest").alias("airport"),\n',
    )
    edit(changing, "model.yaml", "  slices:\n", "  slices:\n    - {by: airport, min_rows: 500, max_drop: 0.5}\n")
    outcome = changing.run("training", "2013-02-16", candidates=["logistic_regression"])
    assert outcome.succeeded, outcome.errors
    assert outcome.returned["evaluate"]["champion_version"] == "1"
    assert "airport" in outcome.returned["build_features"]["categorical"]


@pytest.mark.slow
def test_a_features_file_that_broke_today_stops_training_but_not_scoring(changing):
    champion = ReleaseRegistry(changing.settings).champion(MODEL)
    edit(
        changing,
        "features.py",
        "    return flights.select(",
        '    raise RuntimeError("broken today")\n    return flights.select(',
    )
    training = changing.run("training", "2013-02-16", candidates=["logistic_regression"])
    assert "broken today" in str(training.errors[0])
    scoring = changing.run("scoring", "2013-02-16")
    assert scoring.succeeded, scoring.errors
    assert scoring.returned["build_features"]["source_digest"] == champion.features_source_digest
    assert scoring.returned["score"]["rows"] > 500


@pytest.mark.slow
def test_with_only_model_yaml_changed_the_champion_answers_as_it_did(changing):
    released = FeatureLayout.of(load_definition(changing.settings.definitions_dir / MODEL))
    before = changing.run("scoring", "2013-02-16")
    assert before.returned["score"]["written"], before.errors
    for old, new in [
        ("history: 8d", "history: 3d"),
        ("within: 12h", "within: 2h"),
        ("predict_before: 2h", "predict_before: 6h"),
    ]:
        edit(changing, "model.yaml", old, new)
    again = changing.run("scoring", "2013-02-16", force=True)
    assert again.succeeded, again.errors
    assert again.returned["build_features"]["layout_digest"] == released.digest
    assert again.returned["score"] == {**before.returned["score"], "written": False}, "the same answers on the same features"
    training = changing.run("training", "2013-02-16", candidates=["logistic_regression"])
    assert training.succeeded, training.errors
    built = training.returned["build_features"]
    assert built["layout_digest"] != released.digest
    measured = Measurement.from_bytes(Files().read_bytes(training.returned["evaluate"]["measurement_uri"]))
    assert measured.judged("challenger").features_digest == built["digest"] != measured.judged("champion").features_digest
