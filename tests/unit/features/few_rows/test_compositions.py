"""Whatever is put together out of known operations is computed as pandas does, or left to pandas."""

import pandas as pd
import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from few_rows_comparison import Comparison, rows, source

CARRIERS = pd.DataFrame({"s": ["AA", "B6", "", "EWR"], "late": [0.5, None, -0.0, 2.0], "flights": [3, 0, 7, 5]})
ENTITIES = {"carriers": pa.Table.from_pandas(CARRIERS)}
JOINED = "frame.join(nw.from_native(entities['carriers']), on='s', how='left')"


def _of(*texts):
    return st.sampled_from(texts)


def _columns(*names):
    return _of(*(f"nw.col('{name}')" for name in names))


def _made(pattern, *parts):
    return st.tuples(*parts).map(lambda chosen: pattern.format(*chosen))


def _called(values, *methods):
    return _made("{}.{}", values, _of(*methods))


numbers = st.deferred(
    lambda: st.one_of(
        _columns("x", "y", "late", "flights", "count"),
        _made("({} {} {})", numbers, _of("+", "-", "*", "/", "//", "%"), st.one_of(numbers, _of("2", "0", "-1", "0.5"))),
        _made("({} {} {})", _of("1", "0.5", "-3"), _of("+", "-", "*", "/", "//", "%"), numbers),
        _called(numbers, "abs()", "round(1)", "floor()", "ceil()", "sqrt()", "clip(0, 5)", "clip(-1)", "log()", "__neg__()"),
        _called(numbers, "cast(nw.Int64)", "cast(nw.Int16)", "cast(nw.Float64)", "fill_null(0)", "fill_null(0.5)"),
        _called(truths, "cast(nw.Int64)", "cast(nw.Float64)", "cast(nw.Int8)"),
        _called(moments, "dt.hour()", "dt.year()", "dt.weekday()", "dt.ordinal_day()", "dt.minute()", "dt.timestamp('ms')"),
        _made("({} - {}).dt.{}", moments, moments, _of("total_minutes()", "total_seconds()")),
        _called(texts, "str.len_chars()"),
        _made("nw.when({}).then({}).otherwise({})", truths, st.one_of(numbers, _of("1", "0.5")), st.one_of(numbers, _of("0"))),
        _made("nw.when({}).then({})", truths, numbers),
        _made("nw.coalesce({}, {})", numbers, numbers),
        _made("nw.sum_horizontal({}, {})", numbers, numbers),
    )
)
truths = st.deferred(
    lambda: st.one_of(
        _columns("b", "c"),
        _made("({} {} {})", numbers, _of("<", "<=", ">", ">=", "==", "!="), st.one_of(numbers, _of("0", "2.5"))),
        _made("({} {} {})", texts, _of("==", "!="), st.one_of(texts, _of("'AA'"))),
        _made("({} {} {})", moments, _of("<", ">=", "==", "!="), moments),
        _made("({} {} {})", truths, _of("&", "|", "=="), truths),
        _made("(~{})", truths),
        _called(st.one_of(numbers, texts, moments, truths), "is_null()"),
        _called(numbers, "is_between(0, 3)", "is_in([0, 1, 2])", "is_finite()"),
        _called(texts, "str.contains('a')", "str.starts_with('A')", "is_in(['AA', ''])"),
        _called(truths, "fill_null(False)"),
        _made("nw.all_horizontal({}, {}, ignore_nulls={})", truths, truths, _of("True", "False")),
    )
)
texts = st.deferred(
    lambda: st.one_of(
        _columns("s", "t"),
        _called(texts, "str.to_uppercase()", "str.head(1)", "str.replace_all('a', 'b')", "str.strip_chars()", "fill_null('?')"),
        _called(st.one_of(numbers, truths), "cast(nw.String)"),
        _called(moments, "dt.to_string('%Y-%m-%d')"),
        _made("({} + {})", texts, st.one_of(texts, _of("'!'"))),
        _made("nw.concat_str({}, {}, separator='-')", texts, st.one_of(texts, numbers)),
        _made("nw.when({}).then({}).otherwise({})", truths, texts, st.one_of(texts, _of("nw.lit('no')"))),
    )
)
moments = st.deferred(
    lambda: st.one_of(
        _columns("at", "until"),
        _called(moments, "dt.truncate('1h')", "dt.truncate('1d')", "dt.offset_by('90m')", "dt.replace_time_zone(None)"),
        _called(moments, "dt.convert_time_zone('America/New_York')", "dt.convert_time_zone('Asia/Kolkata')"),
        _made("({} + timedelta(hours=3))", moments),
        _made("nw.when({}).then({}).otherwise({})", truths, moments, moments),
    )
)


@settings(max_examples=60, deadline=None)
@given(expression=st.one_of(numbers, truths, texts), columns=rows(max_size=4))
def test_compositions_agree_with_pandas(expression, columns):
    comparison = Comparison(source(f"{JOINED}.select('x', feature={expression})"), ENTITIES)
    assume(comparison.program is not None)
    comparison.check(columns, may_refuse=True)
