"""Time and memory of a night's drift beside Evidently's stock preset: `python tests/benchmarks/bench_drift.py [rows …]`.

Each part runs in a process of its own, on the same simulated rows: 17 numbers and 3 categories, as many rows in the window as
in the reference. Imports and the making of rows are left out. Ratios are of processor seconds, which a busy neighbour changes
little; no part uses a second thread. Memory is what the part's peak adds to the process as it was with its rows made.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

NUMBERS, CATEGORIES = [f"n{number:02d}" for number in range(17)], ["c4", "c20", "c200"]
ROWS = (10_000, 100_000, 1_000_000)
ALONE = {"profile": "profile of the reference, once a release", "night": "night: profile read, all scores and tests"}
DRAWN = {
    "shipped": "drawn page as shipped, 5,000 rows",
    "preset 5000": "drawn page, drift preset, 5,000 rows",
    "preset 2000": "drawn page, drift preset, 2,000 rows",
    "values 5000": "drawn page, drift of each value, 5,000 rows",
    "values 2000": "drawn page, drift of each value, 2,000 rows",
    "count 2000": "drawn page, drifted columns only, 2,000 rows",
}
STOCK = {"stock": "Evidently's DataDriftPreset, all rows"}


def make_rows(n_rows, first_day, n_days, seed, shift=0.0):
    """Make a frame with ties, heavy tails, zeros and missing values, `shift` standard deviations off in two columns."""
    rng = np.random.default_rng(seed)
    columns = {"_day": np.datetime64(first_day) + np.sort(rng.integers(0, n_days, n_rows))}
    for number, name in enumerate(NUMBERS):
        values = rng.normal(shift if number < 2 else 0.0, size=n_rows)
        if number % 4 == 1:
            values = np.round(values, 1)
        elif number % 4 == 2:
            values = np.exp(values)
        elif number % 4 == 3:
            values = np.maximum(values, 0.0)
        values[rng.random(n_rows) < 0.02] = np.nan
        columns[name] = values
    for name in CATEGORIES:
        columns[name] = np.array([f"v{code}" for code in range(int(name[1:]))], dtype=object)[
            rng.integers(0, int(name[1:]), n_rows)
        ]
    return pd.DataFrame(columns)


def reference_rows(n_rows):
    return make_rows(n_rows, "2013-01-07", 364, seed=1)


def window_rows(n_rows):
    return make_rows(n_rows, "2014-01-06", 7, seed=2, shift=0.2)


def profile_rows(rows):
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.statistics.column_profile import profile_category, profile_numeric, rows_by_weekday

    days = rows["_day"].to_numpy()
    features = {name: profile_numeric(rows[name].to_numpy(), days) for name in NUMBERS}
    features |= {name: profile_category(rows[name].to_numpy(), days) for name in CATEGORIES}
    return ReferenceProfile(
        rows=len(rows), days=364, features=features, probability=None, positive_share=0.2, answer_share=None,
        rows_by_weekday=tuple(rows_by_weekday(days) / 52),
    )  # fmt: skip


def drift_page(now, before, metrics):
    from evidently import DataDefinition, Dataset, Report

    definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
    sides = [Dataset.from_pandas(frame[NUMBERS + CATEGORIES], data_definition=definition) for frame in (now, before)]
    return Report(metrics).run(*sides)


def prepare(part, n_rows, profile):
    """Import what a part needs, make its rows, and return the work as a function of nothing."""
    if part == "profile":
        rows = reference_rows(n_rows)
        profile_rows(reference_rows(100))
        return lambda: profile.write_bytes(profile_rows(rows).to_bytes())
    from evergreen.definitions.monitoring import Monitoring
    from evergreen.reference_profile import ReferenceProfile
    from evergreen.reports.drift_report import draw_evidently
    from evergreen.reports.drift_sample import sample_reference, sample_rows
    from evergreen.stages.check_drift.findings import drift_findings

    window = window_rows(n_rows)
    if part == "night":
        rules = Monitoring()

        def night():
            found = drift_findings(
                window, reference=ReferenceProfile.from_bytes(profile.read_bytes()), rules=rules, labels=None
            )
            alarms = sorted(finding.subject for finding in found if finding.severity == "critical")
            assert alarms == NUMBERS[:2], alarms

        return night
    from evidently.metrics import DriftedColumnsCount, ValueDrift
    from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: F401  (what is drawn imports it)

    if part == "stock":
        before = reference_rows(n_rows)
        return lambda: drift_page(window, before, [DataDriftPreset()])
    kind, size = ("shipped", 5000) if part == "shipped" else (part.split()[0], int(part.split()[1]))

    def draw():
        reference = ReferenceProfile.from_bytes(profile.read_bytes())
        sides = sample_rows(window, size), sample_reference(reference.features, size)
        if kind == "shipped":
            return draw_evidently(*sides, NUMBERS, CATEGORIES).page
        metrics = {
            "preset": [DataDriftPreset()],
            "count": [DriftedColumnsCount()],
            "values": [ValueDrift(column=name) for name in NUMBERS + CATEGORIES],
        }
        return drift_page(*sides, metrics[kind]).get_html_str(as_iframe=False)

    return draw


def measure_here(part, n_rows, profile):
    """Do one part in this process and print its seconds and megabytes."""
    warnings.simplefilter("ignore")
    work = prepare(part, n_rows, profile)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what making rows has freed would otherwise be used again unseen
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far was that of making rows
    before, wall, began = peak_mb(), time.perf_counter(), time.process_time()
    work()
    took, waited = time.process_time() - began, time.perf_counter() - wall
    print(json.dumps({"seconds": took, "wall": waited, "mb": peak_mb() - before}))


def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def measure(part, n_rows, profile):
    environment = os.environ | {"DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": "include"}
    command = [sys.executable, __file__, "--part", part, str(n_rows), str(profile)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(n_rows, parts):
    """Measure the parts one after the other and print them with their ratios to Evidently's."""
    with tempfile.TemporaryDirectory() as folder:
        found = {part: measure(part, n_rows, Path(folder) / "profile.json") for part in parts}
        size = (Path(folder) / "profile.json").stat().st_size / 1e6
    print(f"\n{n_rows:,} rows a side, 20 columns; profile {size:.1f} MB")
    print(f"{'':<46}{'cpu s':>9}{'wall s':>9}{'times':>8}{'MB':>8}{'share':>8}")
    stock = found.get("stock")
    for part, title in {**ALONE, **DRAWN, **STOCK}.items():
        if part in found:
            one = found[part]
            ratios = f"{stock['seconds'] / one['seconds']:>8.0f}" if stock else f"{'':>8}"
            share = f"{one['mb'] / stock['mb']:>8.2f}" if stock else ""
            print(f"{title:<46}{one['seconds']:>9.2f}{one['wall']:>9.2f}{ratios}{one['mb']:>8.0f}{share}", flush=True)
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("n_rows", ROWS)
def test_a_night_beside_evidently(n_rows):
    found = table(n_rows, [*ALONE, "shipped", "stock"])
    assert found["night"]["seconds"] < found["stock"]["seconds"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        measure_here(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        for rows in [int(text.replace("_", "")) for text in sys.argv[1:]] or ROWS:
            table(rows, [*ALONE, *DRAWN, *STOCK])
