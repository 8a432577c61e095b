"""The text of a row's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence


def key_text(rows: pa.Table, key: Sequence[str]) -> pa.Array:
    """Return each row's key as one text: a single column's own text, or several joined by `|`, no two keys alike.

    Args:
        rows: Rows, n_rows of them.
        key: Key columns, in the definition's order.

    Returns:
        String array of n_rows values.
    """
    texts = [pc.fill_null(rows.column(name).cast(pa.string()), "") for name in key]
    if len(texts) > 1:
        texts = [pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), "|", "\\|") for text in texts]
        texts = [pc.binary_join_element_wise(*texts, "|")]
    return texts[0].combine_chunks()


def key_texts(parts: Sequence[tuple[Sequence[object], str]]) -> list[str]:
    """Return what `key_text` returns, for few rows in plain values, none of them missing.

    Args:
        parts: Per key column its values, as in `RequestRows`, and the word for its type.
    """
    texts = [_plain_texts(values, kind) for values, kind in parts]
    if len(texts) == 1:
        return texts[0]
    return ["|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in row) for row in zip(*texts, strict=True)]


def _plain_texts(values: Sequence[object], kind: str) -> list[str]:
    if kind in ("string", "integer"):
        return [str(value) for value in values]
    if kind == "boolean":
        return ["true" if value else "false" for value in values]
    types = {"number": pa.float64(), "timestamp": pa.timestamp("us", "UTC")}
    texts: list[str] = pa.array(values, types[kind]).cast(pa.string()).to_pylist()
    return texts
