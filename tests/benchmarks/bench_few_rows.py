"""Time to compute the features of a few flights: by pandas, by Polars and by the program, in one run.

Run with `make bench`. Each figure is the median of many calls, in microseconds; engines take turns, a few calls each, so that
all see the same machine. Rows are handed over as each engine takes them, what they become is left as it is. What counts are
the ratios.
"""

import statistics
import time

import polars as pl
import pyarrow as pa

from evergreen.features.few_rows import compile_row_features
from evergreen.features.frames import to_pandas
from few_rows_comparison import ARROW
from random_flights import ROW_TYPES, flight_code, flights, known_at_night

ROWS = (1, 8, 32, 100)
TURNS, CALLS = 10, 8


def _engines(code, entities, program, columns, n_rows):
    table = pa.table({name: pa.array(columns[name], ARROW[kind]) for name, kind in ROW_TYPES.items()})
    frame, frames = to_pandas(table), {name: entity.to_pandas() for name, entity in entities.items()}
    polars, polars_frames = pl.from_arrow(table), {name: pl.from_arrow(entity) for name, entity in entities.items()}
    return {
        "pandas": lambda: code.row_features(frame, frames),
        "polars": lambda: code.record_row_features(polars, polars_frames),
        "program": lambda: program.run(columns, n_rows),
    }


def _microseconds(engines):
    took = {name: [] for name in engines}
    for _ in range(TURNS):
        for name, call in engines.items():
            for _ in range(CALLS):
                began = time.perf_counter()
                call()
                took[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) * 1e6 for name, values in took.items()}


def test_features_of_a_few_flights():
    code = flight_code()
    entities = known_at_night(code)
    began = time.perf_counter()
    program = compile_row_features(code, ROW_TYPES, entities)
    print(f"\ncompiled in {(time.perf_counter() - began) * 1e3:.0f} ms")
    print(f"{'rows':>6}{'pandas':>10}{'polars':>10}{'program':>10}{'pandas/program':>17}{'polars/program':>17}")
    for n_rows in ROWS:
        columns = flights(n_rows)
        took = _microseconds(_engines(code, entities, program, columns, n_rows))
        ratios = [took[name] / took["program"] for name in ("pandas", "polars")]
        print(f"{n_rows:>6}" + "".join(f"{value:>10.0f}" for value in took.values()) + "".join(f"{r:>17.0f}" for r in ratios))
        assert took["program"] < min(took["pandas"], took["polars"])
