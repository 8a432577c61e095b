"""A task process killed at any point leaves nothing that a rerun does not make right."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from integration.night import Night

AS_OF = "2013-02-15"
SCRIPT = Path(__file__).parent / "killed_run.py"
MOMENTS = [
    ("ingest", 0.1),
    ("ingest", 0.6),
    ("validate", 0.3),
    ("validate", 1.0),
    ("build_features", 0.3),
    ("build_features", 1.0),
    ("train", 0.2),
    ("train", 1.5),
    ("evaluate", 0.3),
    ("evaluate", 1.5),
    ("gate", 0.02),
    ("gate", 0.1),
    ("register", 0.05),
    ("register", 0.5),
    ("smoke_test", 0.5),
    ("release", 0.02),
    ("release", 0.1),
]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_in_every_stage_ends_as_an_undisturbed_one(champion_home, tmp_path, seeded_landing):
    """One home is killed again and again, each time further on, and must come to the digests of the undisturbed home."""
    shutil.copytree(seeded_landing, tmp_path / "landing")
    moments = [f"{task_id}={seconds}" for task_id, seconds in MOMENTS]
    command = [sys.executable, str(SCRIPT), str(tmp_path), AS_OF, *moments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=850, check=True)
    codes = dict(line.split() for line in done.stdout.splitlines() if line.partition(" ")[0] in moments)
    assert list(codes) == moments, done.stderr
    assert set(codes.values()) <= {str(-signal.SIGKILL), "0"}, (codes, done.stderr)
    killed = list(codes.values()).count(str(-signal.SIGKILL))
    # A task may be over before its timer fires; most must not be, or this test shows nothing.
    assert killed >= len(MOMENTS) // 2
    disturbed = Night(tmp_path).run("training", AS_OF)
    undisturbed = champion_home.run("training", AS_OF)
    assert disturbed.succeeded, disturbed.errors
    for task, field in [
        ("ingest", "digest"),
        ("validate", "digest"),
        ("build_features", "digest"),
        ("evaluate", "holdout_digest"),
    ]:
        assert disturbed.returned[task][field] == undisturbed.returned[task][field], task
    bundles = [[candidate["bundle_digest"] for candidate in run.returned["train"]] for run in (disturbed, undisturbed)]
    assert bundles[0] == bundles[1]
