"""What a bad night does: a clear failure, a quarantine or a warning; the champion untouched, nothing half-written.

One home lives through every corruption in turn: each is put into the landing file of the newest day, the night is run, the
file is put right again, and the next corruption must find the home as the first one did.
"""

import shutil
from pathlib import Path

import pytest

from evergreen.errors import DataValidationError, LandingError
from evergreen.registry.releases import ReleaseRegistry
from integration.corruptions import CORRUPTIONS, DAY, Corruption
from integration.night import MODEL, Night

AS_OF = "2013-02-16"
TRUE_OUTLIERS = 1
"""The flights' own: wind of 1048 mph at Newark on 12 February, set aside on every clean night since."""


@pytest.fixture(scope="module")
def lived_in(champion_home):
    """The champion's home, which every case below must leave as it was."""
    return champion_home


def run_corrupted(night: Night, corruption: Corruption):
    path = night.landing / corruption.table / f"{DAY}.parquet"
    kept = path.read_bytes()
    try:
        corruption.change(path)
        return night.run("scoring", AS_OF)
    finally:
        path.write_bytes(kept)
        path.with_name(f"{DAY}-copy.parquet").unlink(missing_ok=True)


def observed(outcome) -> tuple[str, str]:
    """Return what a night did, and everything it said about it."""
    said = "\n".join(str(error) for error in outcome.errors)
    if outcome.errors:
        kind = {LandingError: "ingest fails", DataValidationError: "validate fails"}.get(type(outcome.errors[0]))
        return kind or type(outcome.errors[0]).__name__, said
    validated = outcome.returned["validate"]
    said = "\n".join(validated["warnings"])
    if sum(validated["quarantined_rows"].values()) > TRUE_OUTLIERS:
        return "quarantine", said
    return ("warning" if validated["warnings"] else "harmless"), said


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_a_corruption_does_what_it_should(lived_in, corruption, record_property):
    champion = ReleaseRegistry(lived_in.settings).champion(MODEL)
    outcome = run_corrupted(lived_in, corruption)
    kind, said = observed(outcome)
    record_property("observed", kind)
    record_property("said", said)
    assert kind == corruption.expected, said
    if kind.endswith("fails"):
        assert corruption.says in said
        assert outcome.errors[0].remedy
        assert "score" not in outcome.returned
    assert ReleaseRegistry(lived_in.settings).champion(MODEL) == champion
    assert not list(Path(lived_in.settings.home).rglob(".tmp-*"))


def test_a_day_that_was_never_delivered_fails_until_it_is(lived_in):
    path = lived_in.landing / "schedule" / "2013-02-17.parquet"
    kept = path.read_bytes()
    path.unlink()
    try:
        missing = lived_in.run("scoring", "2013-02-18")
    finally:
        path.write_bytes(kept)
    kind, said = observed(missing)
    assert kind == "validate fails"
    assert "schedule" in said
    assert lived_in.run("scoring", "2013-02-18").succeeded


def test_the_night_after_all_of_them_is_as_if_none_had_been(lived_in, tmp_path, seeded_landing):
    shutil.copytree(seeded_landing, tmp_path / "landing")
    clean = Night(tmp_path).run("scoring", AS_OF)
    after = lived_in.run("scoring", AS_OF)
    assert after.succeeded, after.errors
    for task in ("ingest", "validate"):
        assert after.returned[task]["digest"] == clean.returned[task]["digest"], task
    assert "score" in after.returned
    # Where there is no champion, nothing is built for one and nothing is scored.
    assert {task.task_id: task.state for task in clean.tasks}["build_features"] == "skipped"
