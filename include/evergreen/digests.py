"""Digests of bytes, JSON values and Arrow tables: 32 hexadecimal characters of SHA-256.

A table's digest does not depend on chunking, on the order of its columns, on dictionary encoding or on what lies under a
null; it does depend on names, types, values and the order of rows.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

DIGEST_LENGTH = 32


def digest_bytes(data: bytes) -> str:
    """Return the digest of bytes."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


def digest_json(value: object) -> str:
    """Return the digest of a JSON value; the order of keys does not matter, NaN is refused."""
    return digest_bytes(json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode())


def digest_table(table: pa.Table) -> str:
    """Return the digest of an Arrow table's content."""
    hasher = hashlib.sha256(str(table.num_rows).encode())
    for name in sorted(table.column_names):
        _update_with_column(hasher, name, table.column(name))
    return hasher.hexdigest()[:DIGEST_LENGTH]


def _update_with_column(hasher: hashlib._Hash, name: str, column: pa.ChunkedArray) -> None:
    import numpy as np
    import pyarrow.compute as pc

    column, kind = _canonical(column)
    hasher.update(f"\x00{name}\x00{kind}\x00".encode())
    hasher.update(np.packbits(pc.is_null(column).to_numpy()).tobytes())
    for part in _value_bytes(column, kind):
        hasher.update(part)


def _canonical(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.DataType]:
    """Return the column without dictionary encoding, and one name for the types that differ in layout only."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column, pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return column, pa.binary()
    return column, kind


def _value_bytes(column: pa.ChunkedArray, kind: pa.DataType) -> Iterator[bytes]:
    """Yield the values as bytes, with the same filling under every null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = pc.fill_null(column.cast(pa.large_binary()), b"")
        yield pc.binary_length(filled).to_numpy().astype("<i8").tobytes()
        yield from (b"".join(chunk.to_pylist()) for chunk in filled.chunks)
    elif pa.types.is_temporal(kind):
        integer = pa.int32() if pa.types.is_date32(kind) or pa.types.is_time32(kind) else pa.int64()
        yield pc.fill_null(column.cast(integer), 0).to_numpy().tobytes()
    elif pa.types.is_boolean(kind):
        yield pc.fill_null(column, False).cast(pa.uint8()).to_numpy().tobytes()
    elif pa.types.is_floating(kind):
        yield _float_bytes(column)
    elif pa.types.is_integer(kind):
        yield pc.fill_null(column, 0).to_numpy().tobytes()
    elif not pa.types.is_null(kind):
        yield json.dumps(column.to_pylist(), sort_keys=True, default=str).encode()


def _float_bytes(column: pa.ChunkedArray) -> bytes:
    import numpy as np
    import pyarrow.compute as pc

    values = pc.fill_null(column, 0.0).to_numpy().copy()
    values[np.isnan(values)] = np.nan  # one bit pattern for every NaN
    return bytes(values.tobytes())
