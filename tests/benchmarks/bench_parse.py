"""Time to parse each DAG file with 1 and with 100 definitions, whole and as a task sees it.

Run with `make bench`. Each figure is the median of five parses in one process, imports warm; the last column divides the
parse that a task pays with 100 definitions by the one with a single definition: 1.0 means that a thousand models cost a
task no more than one.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("training", "scoring", "operations", "broken_definitions")


def test_parse_time_with_1_and_100_definitions():
    with tempfile.TemporaryDirectory() as folder:
        one, hundred = Path(folder) / "one", Path(folder) / "hundred"
        _copies(one, 1)
        _copies(hundred, 100)
        print(f"{'file':<20}{'1 definition':>14}{'100 definitions':>17}{'a task, 1':>12}{'a task, 100':>13}{'ratio':>8}")
        for file in FILES:
            whole = [_measure(file, models, None) for models in (one, hundred)]
            kind = {"operations": "rollback"}.get(file, file)
            single = [_measure(file, models, f"m000.{kind}") for models in (one, hundred)]
            widths = zip([*whole, *single], (11, 14, 9, 10), strict=True)
            cells = "".join(f"{seconds * 1000:>{width}.1f} ms" for seconds, width in widths)
            print(f"{file:<20}{cells}{single[1] / single[0]:>8.2f}")


def _copies(folder: Path, count: int) -> None:
    source = ROOT / "include" / "models" / "flight_delays"
    for number in range(count):
        name = f"m{number:03d}"
        target = folder / name
        target.mkdir(parents=True)
        text = (source / "model.yaml").read_text().replace("name: flight_delays", f"name: {name}", 1)
        (target / "model.yaml").write_text(text)
        shutil.copy(source / "features.py", target)


def _measure(file: str, models: Path, dag_id: str | None) -> float:
    environment = {**os.environ, "EVERGREEN_DEFINITIONS_DIR": str(models), "PYTHONWARNINGS": "ignore"}
    if dag_id and file != "broken_definitions":
        environment["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    command = [sys.executable, str(Path(__file__)), "parse", str(ROOT / "dags" / f"{file}.py")]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def _parse(path: str) -> None:
    import runpy

    times = []
    for _ in range(6):
        started = time.perf_counter()
        runpy.run_path(path)
        times.append(time.perf_counter() - started)
    print(statistics.median(times[1:]))


if __name__ == "__main__":
    _parse(sys.argv[2])
