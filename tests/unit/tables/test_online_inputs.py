"""Online inputs are read back whole and exact, or not at all."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from evergreen.errors import DigestMismatchError
from evergreen.files import Files
from evergreen.settings import Settings
from evergreen.tables.online_inputs import OnlineInputs, read_online_inputs, write_online_inputs

MOMENT = pa.timestamp("us", "UTC")
NIGHT = datetime(2024, 3, 3, 8, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def inputs():
    frame = pd.DataFrame({"shop": pd.Categorical(["a", "b"]), "mean": [0.1, float("nan")]}, index=pd.Index([3, 1], name="n"))
    prices = {
        "price": [1.5, None],
        "_event_time": pa.array([NIGHT] * 2, MOMENT),
        "_readable_from": pa.array([NIGHT] * 2, MOMENT),
    }
    return OnlineInputs(
        as_of=NIGHT,
        features_key="k" * 32,
        digest="",
        row_types={"visit": "string", "at": "timestamp", "a": "number"},
        entities={"../Größe/…": pa.Table.from_pandas(frame), "b": pa.table({"n": pa.array([], pa.int8())})},
        joined={"z": pa.table(prices), "places": pa.table({"shop": ["a"], "size": [3]})},
    )


def test_they_come_back_as_they_were(settings, inputs):
    uri, digest = write_online_inputs("shops", inputs, settings, Files())
    again = read_online_inputs(uri, digest, Files())
    assert again == replace(inputs, digest=digest)
    assert list(again.row_types) == ["visit", "at", "a"], "the order is that in which feature code sees them"
    assert (list(again.entities), list(again.joined)) == (list(inputs.entities), list(inputs.joined))
    for name, table in {**inputs.entities, **inputs.joined}.items():
        found = {**again.entities, **again.joined}[name]
        assert found.schema.equals(table.schema, check_metadata=True)
    frame = again.entities["../Größe/…"].to_pandas()
    assert frame["shop"].dtype == pd.CategoricalDtype(["a", "b"])
    assert frame.index.tolist() == [3, 1]


def test_the_same_inputs_are_the_same_bytes_and_written_once(settings, inputs, tmp_path):
    first = write_online_inputs("shops", inputs, settings, Files())
    written = {path: path.stat().st_mtime_ns for path in Path(first[0]).iterdir()}
    split = {name: pa.concat_tables([table.slice(0, 1), table.slice(1)]) for name, table in inputs.joined.items()}
    assert write_online_inputs("shops", replace(inputs, joined=split, digest="x"), settings, Files()) == first
    assert {path: path.stat().st_mtime_ns for path in Path(first[0]).iterdir()} == written
    elsewhere = write_online_inputs("shops", inputs, Settings(home=tmp_path / "other"), Files())
    assert elsewhere[1] == first[1]


@pytest.mark.parametrize("change", ["byte", "cut", "gone"])
def test_a_changed_file_is_refused_and_written_anew(settings, inputs, change):
    uri, digest = write_online_inputs("shops", inputs, settings, Files())
    for path in sorted(Path(uri).iterdir()):
        whole = path.read_bytes()
        if change == "gone":
            path.unlink()
        else:
            spoilt = bytearray(whole)
            spoilt[len(spoilt) // 2] ^= 1
            path.write_bytes(bytes(spoilt) if change == "byte" else whole[:-1])
        with pytest.raises(DigestMismatchError, match="not the ones that were published"):
            read_online_inputs(uri, digest, Files())
        assert write_online_inputs("shops", inputs, settings, Files()) == (uri, digest)
        assert path.read_bytes() == whole
        read_online_inputs(uri, digest, Files())


def test_another_digest_is_refused(settings, inputs):
    uri, _ = write_online_inputs("shops", inputs, settings, Files())
    with pytest.raises(DigestMismatchError):
        read_online_inputs(uri, "0" * 32, Files())


@pytest.mark.parametrize("text", ["{}", "[", '{"format": 2}', "[" * 100_000, '{"format": 1, "surprise": 1}'])
def test_a_manifest_that_cannot_be_read_is_refused(settings, inputs, text):
    from evergreen.digests import digest_bytes

    uri, _ = write_online_inputs("shops", inputs, settings, Files())
    (Path(uri) / "manifest.json").write_text(text)
    with pytest.raises(DigestMismatchError, match="not the ones"):
        read_online_inputs(uri, digest_bytes(text.encode()), Files())


def test_a_manifest_cannot_name_a_file_elsewhere(settings, inputs):
    from evergreen.digests import digest_bytes

    uri, _ = write_online_inputs("shops", inputs, settings, Files())
    manifest = Path(uri) / "manifest.json"
    text = manifest.read_text().replace("joined-0.arrow", "../../joined-0.arrow")
    manifest.write_text(text)
    with pytest.raises(DigestMismatchError, match="not the ones"):
        read_online_inputs(uri, digest_bytes(text.encode()), Files())
