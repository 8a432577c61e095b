"""The bytes of one landing file as rows: Parquet, CSV (UTF-8, commas, a header) and JSON lines."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa

from evergreen.errors import LandingError

_REMEDY = "ask the upstream system to deliver the file again, whole, then run again; nothing of this night was kept"


def read_file(data: bytes, uri: str) -> pa.Table:
    """Return the rows of a file; its ending tells the format.

    CSV columns are all text, an unquoted nothing is null; JSON lines keep JSON's own types.

    Raises:
        LandingError: The file is empty, cut off or not in its format or encoding.
    """
    if not data:
        raise _unreadable("is empty", f"{uri}: 0 bytes", "a file with at least a header or a schema")
    if uri.endswith(".parquet"):
        return _read_parquet(data, uri)
    return _read_csv(data, uri) if uri.endswith(".csv") else _read_json_lines(data, uri)


def _read_parquet(data: bytes, uri: str) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        # One file alone: no guessing of partitions from the path, no thread pool for a few thousand rows.
        return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False).replace_schema_metadata()
    except (pa.ArrowException, OSError) as error:
        raise _unreadable("cannot be read as Parquet", f"{uri}: {str(error)[:300]}", "a whole Parquet file") from error


def _read_csv(data: bytes, uri: str) -> pa.Table:
    from pyarrow import csv as arrow_csv

    text = _decoded(data, uri)
    header = next(csv.reader(io.StringIO(text)), [])
    if len(set(header)) < len(header):
        raise _unreadable("names a column twice", f"{uri}: {', '.join(header)}"[:1000], "each column once")
    try:
        return arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow_csv.ReadOptions(use_threads=False),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        found = f"{uri}: {str(error)[:300]}"
        raise _unreadable("cannot be read as CSV", found, "as many values in each line as the header names") from error


def _read_json_lines(data: bytes, uri: str) -> pa.Table:
    lines = [(number, line) for number, line in enumerate(_decoded(data, uri).split("\n"), 1) if line.strip()]
    rows = [_json_object(line, number, uri) for number, line in lines]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: json_column([row.get(name) for row in rows], f"{uri}, column {name!r}") for name in names})


def json_column(values: list[object], where: str) -> pa.ChunkedArray:
    """Return Python values as one column of one type.

    Raises:
        LandingError: The values have different types, or a number has more than 64 bits.
    """
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowException, OverflowError) as error:
        raise _unreadable("holds values of different types", f"{where}: {_types(values)}", "one type per column") from error


def _types(values: list[object]) -> str:
    first: dict[str, object] = {}
    for value in values:
        if value is not None:
            first.setdefault(type(value).__name__, value)
    return ", ".join(f"{name} such as {repr(value)[:40]}" for name, value in list(first.items())[:5])


def _json_object(line: str, number: int, uri: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError as error:
        found = f"{uri}, line {number}: {error}"
        raise _unreadable("cannot be read as JSON lines", found, "one JSON object per line") from error
    if not isinstance(value, dict):
        raise _unreadable("holds a line that is no object", f"{uri}, line {number}: {line[:80]}", "one JSON object per line")
    return value


def _decoded(data: bytes, uri: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        around = data[max(0, error.start - 10) : error.start + 10]
        found = f"{uri}: byte {error.start} of {len(data)}, near {around!r}"
        raise _unreadable("is not in UTF-8", found, "UTF-8, with or without a byte order mark") from error


def _unreadable(what: str, found: str, allowed: str) -> LandingError:
    return LandingError(f"a landing file {what}", found=found, allowed=allowed, remedy=_REMEDY)
