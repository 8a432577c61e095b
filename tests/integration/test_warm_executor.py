"""What the scheduler loads beforehand must work in a fork of it, as tasks are."""

import subprocess
import sys

PROGRAM = """
import os, sys, threading
from evergreen.connect.warm_executor import LIBRARIES, load_libraries

load_libraries()
assert threading.active_count() == 1, threading.enumerate()
assert not [name for name in LIBRARIES if name not in sys.modules]
child = os.fork()
if child == 0:
    import deltalake, numpy as np, pandas as pd, pyarrow as pa, xgboost

    rows = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100) % 2})
    deltalake.write_deltalake(sys.argv[1], pa.Table.from_pandas(rows))
    read = deltalake.DeltaTable(sys.argv[1]).to_pandas()
    booster = xgboost.train({"nthread": 2, "verbosity": 0}, xgboost.DMatrix(read[["x"]], read["y"]), num_boost_round=2)
    os._exit(0 if len(read) == 100 and booster.num_boosted_rounds() == 2 else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_fork_of_a_warm_scheduler_reads_writes_and_learns(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "table")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
