"""What the gateway needs is published after a release and every night, by the DAGs alone."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select

from evergreen.definitions import load_definition
from evergreen.features.code import FeatureCode
from evergreen.features.inputs import release_key
from evergreen.features.online import OnlineFeatures
from evergreen.files import Files
from evergreen.predictors.released import read_released
from evergreen.registry.online_versions import OnlineVersionStore
from evergreen.registry.releases import ReleaseRegistry
from evergreen.registry.schema import online_versions
from evergreen.tables.day_table import DayTable
from evergreen.tables.online_inputs import read_online_inputs
from integration.night import MODEL, Night


def states(outcome):
    return {task.task_id: task.state for task in outcome.tasks}


def opened(home):
    """What a gateway would open now: out of the registry, the bundle and the online inputs."""
    champion = ReleaseRegistry(home.settings).champion(MODEL)
    released = read_released(Files(), champion)
    version = OnlineVersionStore(home.settings.database_url).newest(
        MODEL, release_key(released.layout, champion.features_source_digest)
    )
    inputs = read_online_inputs(version.uri, version.digest, Files())
    return OnlineFeatures(released.layout, FeatureCode.from_source(released.source), inputs, released.kinds)


def nights(home):
    """Every night that inputs were published for: other tests score later ones in the same home."""
    engine = create_engine(home.settings.database_url)
    with engine.connect() as connection:
        found = {row.as_of for row in connection.execute(select(online_versions.c.as_of))}
    engine.dispose()
    return found


def test_a_release_is_published_for_and_a_run_that_releases_nothing_publishes_nothing(champion_home):
    """The home's own training made the first champion; the run here is a dry one."""
    store = OnlineVersionStore(champion_home.settings.database_url)
    published = store.newest_all()
    definition = load_definition(champion_home.settings.definitions_dir / MODEL)
    assert definition.schedule.moment(date(2013, 2, 15)) in nights(champion_home)
    outcome = champion_home.run("training", "2013-02-15", dry_run=True)
    assert outcome.succeeded, outcome.errors
    assert (states(outcome)["release"], states(outcome)["materialize"]) == ("skipped", "skipped")
    assert store.newest_all() == published


@pytest.mark.slow
def test_what_cannot_be_published_undoes_neither_a_release_nor_a_scoring(tmp_path, seeded_landing, airflow_home):
    """An entity frame of words and numbers in one column: features come of it, a publication does not."""
    shutil.copytree(seeded_landing, tmp_path / "landing")
    shipped = Path(__file__).parents[2] / "include" / "models" / MODEL
    shutil.copytree(shipped, tmp_path / "models" / MODEL, ignore=shutil.ignore_patterns("data", "__pycache__"))
    code = tmp_path / "models" / MODEL / "features.py"
    mixed = '"hours": hours, "mixed": nw.from_dict({"a": [1, "b"]}, backend="pandas")}'
    text = code.read_text()
    assert '"hours": hours}' in text
    code.write_text(text.replace('"hours": hours}', mixed))
    night = Night(tmp_path, definitions_dir=tmp_path / "models")
    training = night.run("training", "2013-02-15", candidates=["logistic_regression"])
    assert (training.state, states(training)["release"], states(training)["materialize"]) == ("failed", "success", "failed")
    assert "entity frame 'mixed' cannot be published" in str(training.errors[0])
    assert ReleaseRegistry(night.settings).champion(MODEL).version == "1"
    scoring = night.run("scoring", "2013-02-16")
    assert (states(scoring)["score"], states(scoring)["materialize"]) == ("success", "failed")
    assert OnlineVersionStore(night.settings.database_url).newest_all() == []


@pytest.mark.slow
def test_every_night_is_published(night):
    training = night.run("training", "2013-02-15", candidates=["logistic_regression"])
    assert training.succeeded, training.errors
    assert (training.returned["materialize"]["release_version"], training.returned["materialize"]["published"]) == ("1", True)
    scoring = night.run("scoring", "2013-02-16")
    assert scoring.succeeded, scoring.errors
    assert (scoring.returned["materialize"]["published"], scoring.returned["materialize"]["compared_rows"]) == (True, 16)
    repeated = night.run("scoring", "2013-02-16", force=True)
    assert repeated.returned["materialize"] == {**scoring.returned["materialize"], "published": False}
    online = opened(night)
    moment = load_definition(night.settings.definitions_dir / MODEL).schedule.moment
    assert (online.as_of, online.digest) == (moment(date(2013, 2, 16)), scoring.returned["materialize"]["digest"])

    later = night.run("scoring", "2013-02-17")
    assert opened(night).as_of == moment(date(2013, 2, 17))
    require_same(online, later, date(2013, 2, 16))


def require_same(online, later, day):
    """The night after, the day's flights are built as a batch; only their weather was not known in the night."""
    built, schedule = later.returned["build_features"], later.returned["ingest"]["tables"]["schedule"]
    batch = DayTable(built["uri"], Files()).read(built["version"], days=[day]).to_pylist()
    batch = [row for row in batch if row["_prediction_time"] >= online.as_of]
    rows = DayTable(schedule["uri"], Files()).read(schedule["version"], days=[day]).to_pylist()
    of = {row["flight_id"]: row for row in rows}
    found = online.compute(online.rows({name: [of[row["_key"]][name] for row in batch] for name in online.row_types}))
    assert len(batch) > 500
    weather = {"temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"}
    for name in set(found) - weather:
        assert [value if value == value else None for value in found[name]] == [row[name] for row in batch], name
