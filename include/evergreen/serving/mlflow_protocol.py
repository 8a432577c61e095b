"""MLflow's scoring protocol: the four ways in which it puts rows into JSON.

========================= ==========================================================================
`dataframe_split`          `{"columns": […], "data": [[…], …]}`, an `index` is ignored
`dataframe_records`        `[{…}, …]`
`instances`                `[{…}, …]`
`inputs`                   `{column: [values], …}`, or `[{…}, …]`
========================= ==========================================================================

Rows are the model's request rows, as in `/predict`. MLflow's own clients write NaN where pandas has no value, whole numbers as
floats beside a missing one, and moments without an offset for UTC; here, and only here, all of that is understood.
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from evergreen.serving.refusals import echo, refusal
from evergreen.serving.request_schema import not_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.errors import CallError

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_PASSED_OVER = ("params", "signature_name")
"""Keys of the protocol that mean nothing to these models."""


def read_invocation(body: bytes, types: Mapping[str, str], max_rows: int) -> list[object]:
    """Return the rows of an invocation, each an object, still to be checked against the schema.

    Args:
        body: The request's body.
        types: Field → type, for what MLflow's clients write their own way.
        max_rows: Most rows; a larger table is refused before it is turned into rows.

    Raises:
        CallError: It is no JSON (400), or none of the four formats (422).
    """
    value = _decode(body)
    given = [name for name in value if name in FORMATS] if isinstance(value, dict) else []
    if not isinstance(value, dict) or len(given) != 1:
        raise _no_format(f"keys {', '.join(map(str, value))[:80] or 'none'}" if isinstance(value, dict) else echo(value))
    other = [name for name in value if name not in (*given, *_PASSED_OVER)]
    if other:
        raise _no_format(f"{', '.join(other)[:80]} beside {given[0]}")
    rows = _rows(given[0], value[given[0]], max_rows)
    return [_plain(row, types) if isinstance(row, dict) else row for row in rows]


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise not_json(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as first:
        try:
            return json.loads(body)  # which knows NaN
        except (ValueError, RecursionError):
            raise not_json(first) from None


def _rows(name: str, value: Any, max_rows: int) -> Sequence[object]:
    if name == "dataframe_split":
        return _split(value, max_rows)
    if name == "inputs" and isinstance(value, dict):
        return _columns(value, max_rows)
    if not isinstance(value, list):
        raise _malformed(name, echo(value), "a list of objects, one a row")
    _require_few(len(value), max_rows)
    return value


def _split(value: Any, max_rows: int) -> Sequence[object]:
    allowed = '{"columns": [names], "data": [[values], …]}'
    if not isinstance(value, dict) or not isinstance(value.get("columns"), list) or not isinstance(value.get("data"), list):
        raise _malformed("dataframe_split", echo(value), allowed)
    columns, data = value["columns"], value["data"]
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) != len(columns):
        raise _malformed("dataframe_split", f"columns {echo(columns)}", "names, each once")
    _require_few(len(data), max_rows)
    for row in data:
        if not isinstance(row, list) or len(row) != len(columns):
            raise _malformed("dataframe_split", f"a row {echo(row)}", f"a list of {len(columns)} values, one for each column")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _columns(value: dict[str, Any], max_rows: int) -> Sequence[object]:
    lists = {name: values if isinstance(values, list) else [values] for name, values in value.items()}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) != 1:
        raise _malformed("inputs", f"columns of {sorted(lengths)[:5] or 'no'} values", "columns of equal length")
    _require_few(lengths.pop(), max_rows)
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _plain(row: Mapping[str, object], types: Mapping[str, str]) -> dict[str, object]:
    return {name: _value(value, types.get(name, "")) for name, value in row.items()}


def _value(value: object, kind: str) -> object:
    if isinstance(value, float) and math.isnan(value):
        return None
    if kind == "timestamp" and isinstance(value, str):
        text = value.strip().replace(" ", "T", 1)
        # Behind the date a sign can only be an offset.
        return text if text[-1:] in "zZ" or "+" in text or "-" in text[10:] or "T" not in text else f"{text}Z"
    return value


def _require_few(count: int, max_rows: int) -> None:
    if count > max_rows:
        raise refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "a request holds too many rows",
            found=f"{count} rows",
            allowed=f"1 to {max_rows} rows",
            remedy="split them over several requests; they may be sent at the same time",
        )


def _malformed(name: str, found: str, allowed: str) -> CallError:
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{name!r} is not as MLflow's scoring protocol has it",
        found=found,
        allowed=allowed,
        remedy="send what MLflow's own client writes; /docs shows an example",
    )


def _no_format(found: str) -> CallError:
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the body is not of MLflow's scoring protocol",
        found=found,
        allowed=f"an object with one of {', '.join(FORMATS)}; beside it at most {', '.join(_PASSED_OVER)}",
        remedy="name the format as the key; /docs shows an example",
    )
