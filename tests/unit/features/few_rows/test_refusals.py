"""Code that looks at values, or uses what is not known here, is left to pandas: never a wrong plan."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.features.code import FeatureCode
from evergreen.features.few_rows import compile_row_features
from few_rows_comparison import IDENTIFIERS, ROW_TYPES, Comparison, is_left_to_pandas, selecting, source

SHOPS = {"shops": pa.Table.from_pandas(pd.DataFrame({"s": ["AA", "B6"], "visits": [3, 4]}))}
HEAD = "import narwhals as nw\nimport pandas as pd\n\ndef row_features(rows, entities):\n"
F = "    f = nw.from_native(rows)\n"
DEPENDS_ON_VALUES = {
    "free pandas": "    return pd.DataFrame({'x': rows['x'] * 2})",
    "merge": "    return rows.merge(entities['shops'], on='s', how='left')[['visits']]",
    "length": "    n = len(rows)\n    return nw.from_native(rows).select(nw.col('x') / n)",
    "length in Narwhals": F + "    return f.select(nw.col('x') / len(f))",
    "shape": F + "    return f.select(nw.col('x') / f.shape[0])",
    "largest": F + "    return f.select(nw.col('x') / f['x'].max())",
    "branch": F + "    return f.select('x') if f['x'].max() > 1 else f.select(x='y')",
    "loop": F + "    best = [r['x'] for r in f.iter_rows(named=True)]\n    return f.select('x')",
    "list": F + "    return f.select('x') if f['x'].to_list()[0] else f.select('y')",
    "truth of the frame": "    return nw.from_native(rows).select('x' if rows else 'y')",
    "membership": "    return nw.from_native(rows).select('x' if 'x' in rows else 'y')",
    "dtype": F + "    return f.select('x') if f.schema['s'] == nw.String else f.select('y')",
    "selector": "    import narwhals.selectors as ncs\n    return nw.from_native(rows).select(ncs.numeric())",
    "engine": F + "    return f.select('x') if f.implementation.is_pandas() else f.select('y')",
    "caught": F
    + "    try:\n        rows['x'].max()\n    except Exception:\n        return f.select('y')\n    return f.select('x')",
    "caught in an expression": F + "    try:\n        return f.select(nw.col('x').rank())\n"
    "    except Exception:\n        return f.select('y')",
    "caught in a join": F
    + "    try:\n        f = f.join(nw.from_native(entities['shops']), left_on='x', right_on='s', how='left')\n"
    "    except Exception:\n        pass\n    return f.select('y')",
    "asked for an attribute": F + "    return f.select('x') if hasattr(rows, 'merge') else f.select('y')",
    "asked whether it is pandas": "    rows = rows.fillna(0) if isinstance(rows, pd.DataFrame) else rows\n"
    "    return nw.from_native(rows).select('x')",
    "asked Narwhals whether it is pandas": "    import narwhals.dependencies as nwd\n"
    "    rows = rows.fillna(0) if nwd.is_pandas_dataframe(rows) else rows\n    return nw.from_native(rows).select('x')",
    "a stable version": "    import narwhals.stable.v1 as nw1\n    return nw1.from_native(rows).select('x')",
    "length of entities times rows": "    return nw.from_native(rows).filter(nw.col('x') > len(entities['shops']))",
    "a frame of entities": "    return entities['shops']",
    "converted": "    return nw.from_native(rows).to_pandas().assign(x=1)[['x']]",
    "NumPy": F + "    import numpy as np\n    return f.with_columns(x=np.log(f['x'].to_numpy())).select('x')",
}


@pytest.mark.parametrize("body", DEPENDS_ON_VALUES.values(), ids=DEPENDS_ON_VALUES)
def test_code_that_asks_for_values(body):
    assert is_left_to_pandas(HEAD + body + "\n", SHOPS)


NOT_KNOWN = {
    "average": "nw.col('x') - nw.col('x').mean()",
    "rank": "nw.col('x').rank()",
    "shift": "nw.col('x').shift(1)",
    "cumulated": "nw.col('x').cum_sum()",
    "over": "nw.col('x').mean().over('s')",
    "power of a column": "nw.col('x') ** nw.col('y')",
    "power of an integer": "(nw.col('x') > 0).cast(nw.Int64) ** 3",
    "power of itself": "2 ** nw.col('x')",
    "narrow logarithm": "nw.col('x').cast(nw.Int16).log()",
    "wide literal": "nw.col('x').cast(nw.Int8) + 1000",
    "python": "nw.col('x').map_batches(lambda s: s)",
    "moment": "nw.col('at')",
    "span": "nw.col('until') - nw.col('at')",
    "text as number": "nw.col('s').cast(nw.Float64)",
    "number as truth": "nw.col('x').cast(nw.Boolean)",
    "uncertain integer as text": "nw.col('at').dt.hour().cast(nw.String)",
    "truth plus truth": "(nw.col('x') > 0) + (nw.col('y') > 0)",
    "maybe plus number": "nw.col('b') + nw.col('x')",
    "identifier as number": "nw.col('shop') + 1",
    "number compared with text": "nw.col('x') == 'AA'",
    "text and number": "nw.when(nw.col('x') > 0).then(nw.col('s')).otherwise(nw.col('y'))",
    "missing values in a set": "nw.col('x').is_in([1, None])",
    "forward fill": "nw.col('x').fill_null(strategy='forward')",
    "absent column": "nw.col('nowhere')",
    "month": "nw.col('at').dt.truncate('1mo').dt.month()",
    "large literal": "nw.col('x') + 2**60",
}


@pytest.mark.parametrize("expression", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_expressions_that_are_not_known(expression):
    assert is_left_to_pandas(selecting({"feature": expression}))


NOT_A_ROW_A_ROW = {
    "filter": "frame.filter(nw.col('x') > 0).select('x')",
    "sort": "frame.sort('x').select('x')",
    "head": "frame.head(1).select('x')",
    "group": "frame.group_by('s').agg(nw.col('x').mean())",
    "inner join": "frame.join(nw.from_native(entities['shops']), on='s', how='inner').select('visits')",
    "join with itself": "frame.join(frame.select('s', z2='z'), on='s', how='left').select('z2')",
    "another engine": "frame.lazy('polars').select('x')",
    "aggregate": "frame.select(nw.col('x').max())",
    "two of one name": "frame.select('x', nw.col('y').alias('x'))",
    "no usable name": "frame.select(nw.col('x').alias('_x'))",
    "row number": "frame.with_row_index('i').select('i')",
}


@pytest.mark.parametrize("body", NOT_A_ROW_A_ROW.values(), ids=NOT_A_ROW_A_ROW)
def test_frames_whose_rows_are_not_those_of_the_request(body):
    assert is_left_to_pandas(source(body), SHOPS)


@pytest.mark.parametrize(
    "key",
    [["AA", "AA"], [1, 2], [True, False]],
    ids=["not unique", "numbers", "truths"],
)
def test_keys_that_cannot_be_joined_by(key):
    shops = {"shops": pa.Table.from_pandas(pd.DataFrame({"s": key, "visits": [3, 4]}))}
    assert is_left_to_pandas(
        source("frame.join(nw.from_native(entities['shops']), on='s', how='left').select('visits')"), shops
    )


@pytest.mark.parametrize(
    "line",
    [
        "nw.lit(datetime.now().year)",
        "nw.lit(__import__('random').random())",
        "nw.lit(len(__import__('os').environ))",
        "nw.lit(next(COUNTER))",
    ],
    ids=["clock", "chance", "environment", "memory"],
)
def test_code_that_depends_on_more_than_its_arguments(line):
    text = selecting({"feature": f"nw.col('x') + {line}"}) + "\nimport itertools\nCOUNTER = itertools.count()\n"
    assert is_left_to_pandas(text)


def test_an_entity_column_of_another_dtype_is_of_no_use_but_does_no_harm():
    frame = pd.DataFrame(
        {"s": ["AA", "B6"], "visits": [3.0, 4.0], "narrow": np.array([1, 2], dtype="uint8"), "parts": [[1], [2]]}
    )
    shops = {"shops": pa.Table.from_pandas(frame)}
    joined = "frame.join(nw.from_native(entities['shops']), on='s', how='left')"
    assert is_left_to_pandas(source(f"{joined}.select(nw.col('narrow') + 1)"), shops)
    assert is_left_to_pandas(source(f"{joined}.select('parts')"), shops)
    assert not is_left_to_pandas(source(f"{joined}.select('visits')"), shops)


def test_integers_are_no_numbers_where_nobody_says_which_of_them_name_things():
    handed_on, counted = (
        FeatureCode.from_source(source(f"frame.select({text})")) for text in ("'count'", "nw.col('count') + 1")
    )
    assert compile_row_features(handed_on, ROW_TYPES, {}) is not None
    assert compile_row_features(counted, ROW_TYPES, {}) is None
    assert compile_row_features(counted, ROW_TYPES, {}, identifiers=IDENTIFIERS) is not None


def test_the_reason_is_logged(caplog):
    caplog.set_level("INFO", logger="evergreen.features.few_rows")
    assert is_left_to_pandas(selecting({"feature": "nw.col('x').rank()"}))
    assert "rank" in caplog.text


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("nw.col('x').cast(nw.Int64)", {"x": [None]}),
        ("nw.col('x').cast(nw.Int64)", {"x": [2.0**60]}),
        ("nw.col('s') < 'B'", {"s": [None]}),
        ("nw.col('at').dt.hour().cast(nw.Int64)", {"at": [None]}),
        # Half past one in the night on which New York's clocks are put back.
        ("nw.col('at').dt.convert_time_zone('America/New_York').dt.truncate('30m').dt.hour()", {"at": [1_730_611_800_000_000]}),
    ],
)
def test_rows_of_which_only_pandas_knows_what_becomes(expression, columns):
    assert Comparison(selecting({"feature": expression})).program.run(columns, 1) is None
