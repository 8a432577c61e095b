"""`evergreen forget` on the command line: what it shows, what it asks for, how it ends."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from evergreen.cli import forget, main
from evergreen.erasure.forgetting import Report
from evergreen.erasure.landing import LandingFind
from evergreen.erasure.mentions import Mentions
from evergreen.erasure.search import Findings
from evergreen.registry.erasures import Erasure
from forgotten_world import HASH_KEY, PERSON, a_world
from unit.stages.landing_case import definition


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    home = tmp_path_factory.mktemp("filled")
    world = a_world(str(home), definition(), home)
    world.fill()
    model = home / "models" / "taxi"
    model.mkdir(parents=True)
    raw = definition().model_dump(mode="json", exclude_defaults=True)
    (model / "model.yaml").write_text(yaml.safe_dump(raw))
    (model / "features.py").write_text("def row_features(rows, entities):\n    return rows[['n']]\n")
    (model / "README.md").write_text("# Taxi\n")
    return world


@pytest.fixture
def evergreen(filled):
    def run(*words, **changes):
        variables = {"EVERGREEN_HOME": filled.root, "EVERGREEN_HASH_KEY": HASH_KEY, **changes}
        variables["EVERGREEN_DEFINITIONS_DIR"] = str(Path(filled.root) / "models")
        with patch.dict(os.environ, variables):
            return CliRunner().invoke(main.app, ["forget", *words])

    return run


def test_it_shows_first_then_erases_then_says_that_it_is_done(evergreen, filled):
    keyless = evergreen("taxi", f"id={PERSON}", EVERGREEN_HASH_KEY="")
    assert keyless.exit_code == 0, keyless.output
    assert "tables/raw/trips" in keyless.output
    shown = evergreen("taxi", f"id={PERSON}")
    assert shown.exit_code == 0, shown.output
    assert "nothing was changed; the same command with --yes erases it" in shown.output
    assert "tables/raw/trips" in shown.output
    assert filled.uri("trips/2013-01-02.parquet") in shown.output
    assert filled.holding()
    done = evergreen("taxi", f"id={PERSON}", "--yes", "--by", "anna", "--reason", "17")
    assert done.exit_code == 0, done.output
    assert "erased; what matches is left out of every later delivery" in done.output
    said = " ".join(done.output.split())
    assert "restart every worker and every gateway that was started without it" in said
    assert "EVERGREEN_HASH_KEY" not in shown.output
    assert filled.holding() == []
    assert PERSON not in done.output
    again = evergreen("taxi", "--again", "--yes")
    assert again.exit_code == 0, again.output
    assert "by anna" in again.output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("id=nobody",), "nothing is kept of taxi that matches"),
        (("idd=x",), "did you mean id?"),
        ((), "it is not clear what is to be forgotten"),
        (("--again",), "it is not clear what is to be forgotten"),
        (("id=x", "--again", "--yes"), "it is not clear what is to be forgotten"),
    ],
)
def test_what_cannot_be_done_is_said_in_four_parts_and_ends_with_one(evergreen, words, what):
    said = evergreen("taxi", *words)
    assert said.exit_code == 1
    assert what in said.output
    for part in ("found:", "allowed:", "do:"):
        assert part in said.output


def test_without_a_hash_key_it_says_what_to_set(evergreen):
    said = evergreen("taxi", "id=x", "--yes", EVERGREEN_HASH_KEY="")
    assert said.exit_code == 1
    assert "set EVERGREEN_HASH_KEY" in said.output


def report(*, done=False, by_standing_key=True, landing=()):
    erasure = Erasure(
        model="taxi",
        columns=("id",),
        hashes=("a",),
        hash_key_id="k",
        actor="anna",
        reason="",
        begun_at=datetime.now(UTC),
    )
    findings = Findings(landing=LandingFind(dict.fromkeys(landing, 1), ()), mentions=Mentions(staying=tuple(landing)))
    lost = tuple(f"lost {name}" for name in landing)
    return Report(erasure, (), findings, (), lost, done=done, by_standing_key=by_standing_key)


def shown(made):
    console = Console(width=200, record=True, file=io.StringIO())
    forget._show(console, made)
    return console.export_text()


def test_every_file_that_a_person_has_to_clean_is_named():
    files = [f"/landing/taxi/{number:03}.csv" for number in range(37)]
    lines = shown(report(done=True, landing=files)).splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith("  landing file:")] == files
    assert [line.split(": ")[1] for line in lines if line.startswith("  stays:")] == files
    assert "  lost: and 17 more" in lines


def test_a_look_without_a_key_shows_no_identifier_and_says_that_erasing_needs_one():
    made = report(by_standing_key=False)
    text = shown(made)
    assert made.erasure.id[:12] not in text
    assert "export EVERGREEN_HASH_KEY=$(openssl rand -hex 32)" in text
    assert made.erasure.id[:12] in shown(report())


def test_an_unknown_model_is_wrong_usage(evergreen):
    assert evergreen("taxy", "id=x").exit_code == 2
