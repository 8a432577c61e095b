"""Compares the program with pandas: the same code, the same rows, every bit of every number."""

import math
import warnings
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import strategies as st

from evergreen.errors import FeatureError
from evergreen.features.code import FeatureCode
from evergreen.features.few_rows import compile_row_features
from evergreen.features.frames import to_pandas
from evergreen.features.returned import check_frame, to_columns

ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
ROW_TYPES = {
    "x": "number",
    "y": "number",
    "z": "number",
    "s": "string",
    "t": "string",
    "b": "boolean",
    "c": "boolean",
    "at": "timestamp",
    "until": "timestamp",
    "shop": "integer",
    "count": "integer",
}
"""Columns of every row of these tests; `shop` is an identifier."""
IDENTIFIERS = frozenset({"shop"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.0, 7.0, math.nan, 1e9, 1e-12, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.integers(-50, 50).map(float),
)
_MOMENTS = st.one_of(
    st.integers(631_152_000_000_000, 2_000_000_000_000_000),
    # Around the nights on which New York's clocks are put forward and back.
    st.integers(1_710_050_000_000_000, 1_710_060_000_000_000),
    st.integers(1_730_600_000_000_000, 1_730_620_000_000_000),
)
PRESENT = {
    "number": _NUMBERS,
    "string": st.sampled_from(["", "AA", "aa", "B6", "Ångström", "  a b ", "über-1", "1", "-7", "x.y", "EWR"]),
    "boolean": st.booleans(),
    "timestamp": _MOMENTS,
    "integer": st.integers(-5, 20),
}
VALUES = {kind: st.one_of(st.none(), values) for kind, values in PRESENT.items()}


def rows(row_types=None, *, complete=(), min_size=1, max_size=6):
    """Columns of random rows; those in `complete` miss nothing."""
    types = row_types or ROW_TYPES

    def columns(n_rows):
        of_each = {name: (PRESENT if name in complete else VALUES)[kind] for name, kind in types.items()}
        return st.fixed_dictionaries({name: st.lists(of, min_size=n_rows, max_size=n_rows) for name, of in of_each.items()})

    return st.integers(min_size, max_size).flatmap(columns)


def source(body):
    """Text of a features.py whose `row_features` returns `body`, an expression in `frame` and `entities`."""
    return (
        "from datetime import UTC, datetime, timedelta\n"
        "import narwhals as nw\n"
        "def row_features(rows, entities):\n"
        "    frame = nw.from_native(rows)\n"
        f"    return {body}\n"
    )


def selecting(expressions):
    """Text of a features.py that returns named expressions."""
    listed = ", ".join(f"({text}).alias({name!r})" for name, text in expressions.items())
    return source(f"frame.select({listed})")


def by_pandas(code, columns, entities, *, row_types=None, identifiers=IDENTIFIERS, categorical=()):
    """Values by feature, or the error."""
    types = row_types or ROW_TYPES
    table = pa.table({name: pa.array(columns[name], ARROW[kind]) for name, kind in types.items()})
    frames = {name: entity.to_pandas() for name, entity in entities.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            returned = code.row_features(to_pandas(table, identifiers=identifiers or ()), frames)
            check_frame(returned, table.num_rows, forbidden=())
            return to_columns(returned, categorical=categorical).to_pydict()
        except FeatureError as error:
            return error


def exact(value):
    """Something that is equal only for the same bits."""
    return value.hex() if isinstance(value, float) else value


class Comparison:
    """A features.py, compiled and as pandas runs it."""

    def __init__(self, text, entities=None, *, row_types=None, identifiers=IDENTIFIERS, categorical=()):
        self.code = FeatureCode.from_source(text)
        self.entities = entities or {}
        self.options = {"identifiers": identifiers, "categorical": categorical}
        self.row_types = row_types or ROW_TYPES
        self.program = compile_row_features(self.code, self.row_types, self.entities, **self.options)

    def check(self, columns, *, may_refuse=False):
        """Compare all features of some rows; the program may leave them to pandas only where it is said that it may."""
        n_rows = len(next(iter(columns.values())))
        wanted = by_pandas(self.code, columns, self.entities, row_types=self.row_types, **self.options)
        found = self.program.run(columns, n_rows)
        if isinstance(wanted, FeatureError):
            assert found is None, f"pandas raised {wanted}"
            return
        if may_refuse and found is None:
            return
        assert found is not None, "the program left these rows to pandas"
        assert list(found) == list(wanted)
        for name, values in wanted.items():
            assert list(map(exact, found[name])) == list(map(exact, values)), name


def is_left_to_pandas(text, entities=None):
    """Say whether no program comes of the code."""
    return compile_row_features(FeatureCode.from_source(text), ROW_TYPES, entities or {}, identifiers=IDENTIFIERS) is None


def moment(text):
    """Microseconds since 1970 of an ISO time."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
