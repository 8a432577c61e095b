import pandas as pd
import pyarrow as pa

from evergreen.features.frames import to_pandas
from evergreen.features.keys import key_text

FULL = {"n": [1, 2], "key": [1, 2], "flag": [True, False], "text": ["a", "b"]}
GAPS = {"n": [1, None], "key": [1, None], "flag": [True, None], "text": ["a", None]}


def test_dtypes_follow_from_types_and_never_from_values():
    schema = pa.schema({"n": pa.int64(), "key": pa.int32(), "flag": pa.bool_(), "text": pa.string()})
    full, gaps = (to_pandas(pa.table(values, schema), identifiers={"key"}) for values in (FULL, GAPS))
    assert full.dtypes.astype(str).to_dict() == {"n": "float64", "key": "Int64", "flag": "boolean", "text": "object"}
    assert gaps.dtypes.equals(full.dtypes)
    assert isinstance(full.index, pd.RangeIndex)


def test_big_identifiers_keep_every_digit():
    frame = to_pandas(pa.table({"key": pa.array([2**53 + 1])}), identifiers={"key"})
    assert frame["key"].iloc[0] == 2**53 + 1


def test_keys_of_several_columns_are_never_mixed_up():
    table = pa.table({"a": ["x|", "x", "x\\", "x"], "b": ["y", "|y", "|y", "\\|y"]})
    assert len(set(key_text(table, ["a", "b"]).to_pylist())) == 4


def test_a_single_key_is_its_own_text():
    assert key_text(pa.table({"a": ["x|y"]}), ["a"]).to_pylist() == ["x|y"]
    assert key_text(pa.table({"a": [17]}), ["a"]).to_pylist() == ["17"]
