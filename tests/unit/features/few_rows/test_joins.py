"""Joins with entities find the same rows as pandas, however keys and values are kept."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

from few_rows_comparison import Comparison, rows, source

MOMENT = pd.DatetimeTZDtype("us", "UTC")
CARRIERS = pd.DataFrame(
    {
        "s": ["AA", "B6", None, "", "EWR"],
        "late": [0.5, None, 1.0, -0.0, 2.0],
        "flights": [3, 0, 1, 7, 5],
        "small": pd.array([1, 2, 3, 4, 5]).astype("int32"),
        "city": ["Dallas", None, "x", "", "Newark"],
        "hub": [True, False, True, True, False],
        "open": pd.array([True, None, False, True, None], dtype="boolean"),
        "since": pd.to_datetime(["2001-01-01", None, "2003-01-01", "2004-01-01", "2005-06-01"], utc=True).as_unit("us"),
        "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
)
HOURS = pd.DataFrame({"s": ["AA", "AA", "B6"], "t": ["B6", "aa", "1"], "busy": [4, 5, 6]})
SHOPS = pd.DataFrame({"shop": pd.array([1, 2, 3, None], dtype="Int64"), "sold": [1.5, 2.5, None, 9.0]})
PLAIN_SHOPS = pd.DataFrame({"shop": [1, 2, 3], "sold": [1.5, 2.5, None]})
COUNTS = pd.DataFrame({"count": [1, 2, 3], "mean": [0.1, 0.2, 0.3]})
STARTS = pd.DataFrame(
    {"at": pd.to_datetime([1_710_050_000_000_000, 1_710_053_600_000_000], unit="us", utc=True), "note": ["a", "b"]}
)
NOTHING = pd.DataFrame({"s": ["x"], "late": [1.0], "n": [1]}).iloc[:0]
ENTITIES = {
    name: pa.Table.from_pandas(frame)
    for name, frame in {
        "carriers": CARRIERS,
        "hours": HOURS,
        "shops": SHOPS,
        "plain_shops": PLAIN_SHOPS,
        "counts": COUNTS,
        "starts": STARTS,
        "nothing": NOTHING,
    }.items()
}
JOINED = "frame.join(nw.from_native(entities['carriers']), on='s', how='left')"
CODES = {
    "all sorts of columns": f"{JOINED}.select('late', 'flights', 'small', 'city', 'hub', 'open', 'x', 'x_right')",
    "steps after": f"{JOINED}.select(a=nw.col('late') / nw.col('flights'), b=nw.col('flights') * -1, c=nw.col('flights') > 2,"
    " d=nw.col('flights').fill_null(-1), e=nw.col('city').str.to_uppercase(), f=nw.col('hub').is_null(), g=~nw.col('open'),"
    " h=(nw.col('at') - nw.col('since')).dt.total_seconds(), i=nw.col('small') + nw.col('small'),"
    " j=nw.col('flights') // nw.col('x'), k=nw.col('flights') % 2,"
    " l=nw.col('late').is_null(), m=nw.col('flights').abs() - nw.col('x'))",
    "two keys": "frame.join(nw.from_native(entities['hours']), on=['s', 't'], how='left').select('busy', 's', 't')",
    "identifier": "frame.join(nw.from_native(entities['shops']), on='shop', how='left').select('shop', 'sold')",
    "identifier of plain integers": "frame.join(nw.from_native(entities['plain_shops']), on='shop', how='left').select('sold')",
    "count": "frame.join(nw.from_native(entities['counts']), on='count', how='left').select('mean')",
    "moment": "frame.with_columns(at=nw.col('at').dt.truncate('1h')).join(nw.from_native(entities['starts'])"
    ".with_columns(nw.col('at').dt.truncate('1h')), on='at', how='left').select('note')",
    "empty": "frame.join(nw.from_native(entities['nothing']), on='s', how='left').select('late', 'n', twice=nw.col('n') * 2)",
    "other names": "frame.join(nw.from_native(entities['carriers']), left_on='t', right_on='s', how='left', suffix='_of_t')"
    ".select('s', 't', 'late', 'x', 'x_of_t')",
    "pandas on entities": "frame.join(nw.from_native(entities['hours'].groupby('s', as_index=False)['busy'].mean()), on='s',"
    " how='left').select('busy')",
    "Narwhals on entities": "frame.join(nw.from_native(entities['hours']).group_by('s')"
    ".agg(nw.col('busy').max().alias('most')), on='s', how='left').select('most')",
    "lazy": "frame.lazy().join(nw.from_native(entities['carriers']).lazy(), on='s', how='left').select('late').collect()",
    "native": f"{JOINED}.select('late', 's').to_native()",
    "the same twice": f"{JOINED}.join(nw.from_native(entities['carriers']).rename({{'late': 'late_of_t', 'x': 'xx', 's': 't'}})"
    ".select('t', 'late_of_t'), on='t', how='left').select('late', 'late_of_t')",
    "renamed and dropped": f"{JOINED}.rename({{'late': 'lateness'}}).drop('x').select('lateness', x='x_right')",
    "by position and prefix": f"{JOINED}.select(nw.nth(0, 1), nw.col('late', 'flights').name.suffix('_seen'),"
    " nw.col('y').name.prefix('my_'))",
    "all but": f"{JOINED}.drop('at', 'until', 'since').select(nw.exclude('x'))",
    "all": f"{JOINED}.drop('at', 'until', 'since').select(nw.all())",
    "cast of a frame": f"{JOINED}.cast({{'late': nw.Float64}}).select('late', (nw.col('late') * 2).alias('twice'))",
    "several columns at once": f"{JOINED}.select(nw.col('late', 'x') * 2,"
    " (nw.col('y', 'z') + nw.col('x')).name.suffix('_sum'))",
    "a constant of the entities": "frame.select(nw.col('x') / entities['hours']['busy'].max())",
}


@pytest.fixture(scope="module", params=CODES)
def comparison(request):
    return Comparison(source(CODES[request.param]), ENTITIES)


@settings(max_examples=12, deadline=None)
@given(columns=rows())
def test_joins_agree_with_pandas(comparison, columns):
    comparison.check(columns)


def test_whole_numbers_stay_whole_where_every_row_is_found_and_nowhere_else():
    comparison = Comparison(source(f"{JOINED}.select(nw.col('flights') * -1)"), ENTITIES)
    found, not_found = ({"s": keys, **_rest(2)} for keys in (["AA", "B6"], ["B6", "nobody"]))
    comparison.check(found)
    comparison.check(not_found)
    assert str(comparison.program.run(found, 2)["flights"]) == "[-3.0, 0.0]"
    assert str(comparison.program.run(not_found, 2)["flights"]) == "[-0.0, None]"


def _rest(n_rows):
    names = ("x", "y", "z", "t", "b", "c", "at", "until", "shop", "count")
    return {name: [None] * n_rows for name in names}
