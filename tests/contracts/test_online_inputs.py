"""Online inputs are kept and read back alike on a local folder and on S3."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest

from evergreen.errors import DigestMismatchError
from evergreen.files import join_uri
from evergreen.online_inputs import OnlineInputs
from evergreen.settings import Settings
from evergreen.tables.online_inputs import read_online_inputs, write_online_inputs


def test_they_come_back_or_are_refused(store, tmp_path):
    settings = Settings(home=tmp_path, artifacts_uri=store.root, s3_endpoint_url=store.s3_endpoint_url)
    inputs = OnlineInputs(
        as_of=datetime(2024, 3, 3, 8, tzinfo=UTC),
        features_key="k",
        digest="",
        row_types={"visit": "string", "at": "timestamp"},
        entities={"shops": pa.Table.from_pandas(pd.DataFrame({"shop": ["a", "b"], "mean": [0.1, None]}))},
        joined={"places": pa.table({"shop": ["a"], "size": [3]})},
    )
    uri, digest = write_online_inputs("shops", inputs, settings, store.files)
    assert uri.startswith(store.root)
    again = read_online_inputs(uri, digest, store.files)
    assert (again.entities, again.joined, again.row_types) == (inputs.entities, inputs.joined, inputs.row_types)
    store.files.write_bytes(join_uri(uri, "joined-0.arrow"), b"other bytes")
    with pytest.raises(DigestMismatchError):
        read_online_inputs(uri, digest, store.files)
    assert write_online_inputs("shops", inputs, settings, store.files) == (uri, digest)
    assert read_online_inputs(uri, digest, store.files) == again
