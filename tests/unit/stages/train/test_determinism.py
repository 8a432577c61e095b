"""The same inputs give the same bytes: in another process, with another number of threads, hash seed, locale and time zone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys, tempfile
from pathlib import Path
import evergreen.stages.train.candidate as candidate
import evergreen.stages.train.rows as rows
from evergreen.settings import Settings
from evergreen.stages.train import plan_candidates, train_candidate
from simulated_flights import make_definition, make_feature_set, make_frame, select

frame = make_frame(rows_per_day=200)
rows.read_labelled = lambda features, files, *, from_time, before_time: select(frame, from_time, before_time)
candidate.log_training = lambda settings, run: ""
definition = make_definition(calibration=sys.argv[2], class_weight=sys.argv[3])
with tempfile.TemporaryDirectory() as home:
    settings = Settings(home=Path(home), threads=int(sys.argv[1]))
    trained = [train_candidate(definition, make_feature_set(), settings, name) for name in plan_candidates(definition)]
print(json.dumps({c.name: c.bundle_digest for c in trained}))
"""
TESTS = Path(__file__).parents[3]


def train(calibration, class_weight, *, threads, **environment):
    inherited = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "include")]),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    command = [sys.executable, "-c", SCRIPT, str(threads), calibration, class_weight]
    done = subprocess.run(command, env={**inherited, **environment}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("calibration", "class_weight"), [("sigmoid", "none"), ("isotonic", "balanced")])
def test_bundles_do_not_depend_on_threads_hash_seed_locale_or_time_zone(calibration, class_weight):
    one = train(calibration, class_weight, threads=1, PYTHONHASHSEED="1", OMP_NUM_THREADS="1", LC_ALL="C.UTF-8", TZ="UTC")
    two = train(calibration, class_weight, threads=2, PYTHONHASHSEED="22", OMP_NUM_THREADS="2", LC_ALL="C", TZ="Asia/Tokyo")
    assert set(one) == {"baseline", "logistic_regression", "xgboost"}
    assert one == two
