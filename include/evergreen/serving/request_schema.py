"""What a caller may send: the fields of a request row, typed, decoded strictly and at the speed of the wire.

The fields are the columns of the table whose rows the model predicts, all of them required. Beside them a caller may send
columns of joined tables. Anything else is refused: a misspelt field must not look like a missing one.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from evergreen.serving.refusals import refusal
from evergreen.serving.request_problems import FIRST_YEAR, LAST_YEAR, MAX_PROBLEMS, RowReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from evergreen.errors import CallError, FieldProblem

_LARGEST_INTEGER = 2**63 - 1
TYPES: dict[str, Any] = {
    "string": str,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=_LARGEST_INTEGER)],
    "number": float,
    "boolean": bool,
    "timestamp": Annotated[datetime, msgspec.Meta(tz=True)],
}
"""How a column's type is written in JSON; a timestamp as RFC 3339 with its offset from UTC."""
_MANY = re.compile(rb'\s*\{\s*"rows"\s*:')


class RequestSchema:
    """The request rows of one release.

    Args:
        row_types: Field → `string`, `integer`, `number`, `boolean` or `timestamp`; every one must be sent.
        optional_types: The same of joined columns, which may be sent.
        required_values: Fields that may not be null: the key and the event time.
        max_rows: Most rows in one request.
    """

    def __init__(
        self,
        row_types: Mapping[str, str],
        optional_types: Mapping[str, str],
        *,
        required_values: Collection[str],
        max_rows: int,
    ) -> None:
        self.row_types = dict(row_types)
        self.optional_types = dict(optional_types)
        self.required_values = frozenset(required_values)
        self.max_rows = max_rows
        self._attributes = _attributes([*row_types, *optional_types])
        self._getters = {name: attrgetter(attribute) for name, attribute in self._attributes.items()}
        self._own = [(name, self._getters[name]) for name in row_types]
        self._timestamps = [self._getters[name] for name, kind in row_types.items() if kind == "timestamp"]
        self._row, self._wide_row = _row_types(tuple(row_types.items()), tuple(optional_types.items()), self.required_values)
        self._decoders = [(msgspec.json.Decoder(row), msgspec.json.Decoder(_many(row))) for row in (self._row, self._wide_row)]
        self._lists: tuple[Any, Any] = (list[self._row], list[self._wide_row])  # type: ignore[name-defined]
        self._reader = RowReader(self.row_types, self.optional_types, self.required_values)

    def reads_alike(self, other: RequestSchema) -> bool:
        """Return whether rows decoded by another schema are rows of this one."""
        return self._row is other._row and self._wide_row is other._wide_row and other.max_rows <= self.max_rows

    def values(self, row: Any, names: Sequence[str]) -> list[object]:
        """Return what a row sent in some fields."""
        return [self._getters[name](row) for name in names]

    def decode(self, body: bytes) -> Sequence[Any]:
        """Return the rows of a body: `{"rows": [{…}, …]}` or one row `{…}`.

        Raises:
            CallError: It is no JSON (400), or not of these fields and types (422), with every mistake up to `MAX_PROBLEMS`.
        """
        several = _MANY.match(body) is not None and "rows" not in self._attributes
        try:
            rows = self._decode(body, several)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_json(error) from None
        self._require_count(len(rows))
        return rows

    def from_plain(self, rows: Sequence[object]) -> Sequence[Any]:
        """Return rows that were decoded without a schema, as MLflow's protocol wants it.

        Raises:
            CallError: They are not of these fields and types, or too many.
        """
        self._require_count(len(rows))
        return self.checked(rows)

    def checked(self, rows: Sequence[object]) -> Sequence[Any]:
        """Return the same of any number of rows.

        Raises:
            CallError: They are not of these fields and types.
        """
        plain, problems = self._reader.read(rows)
        if problems:
            raise _wrong_fields(problems, len(rows))
        is_wide = any(name in row for row in plain for name in self.optional_types)
        try:
            return cast("Sequence[Any]", msgspec.convert(plain, self._lists[is_wide]))
        except msgspec.ValidationError as error:
            raise _not_rows(str(error)[:200]) from None

    def columns(self, rows: Sequence[Any]) -> dict[str, list[object]]:
        """Return rows as values by field; `msgspec.UNSET` stands for a joined column that a row has not sent."""
        names = self._getters.items() if self.is_wide(rows[0]) else self._own
        return {name: list(map(getter, rows)) for name, getter in names}

    def is_wide(self, row: Any) -> bool:
        """Return whether a row may hold joined columns; rows of one request are alike in this."""
        return row.__class__ is self._wide_row

    def inputs(self, row: Any) -> dict[str, object]:
        """Return what a row sent, by field."""
        if not self.is_wide(row):
            return {name: getter(row) for name, getter in self._own}
        values = {name: getter(row) for name, getter in self._getters.items()}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}

    def _decode(self, body: bytes, several: bool) -> Sequence[Any]:
        for one, many in self._decoders:
            try:
                rows: Sequence[Any] = many.decode(body).rows if several else (one.decode(body),)
            except msgspec.ValidationError:
                continue
            return rows if self._are_plausible(rows) else self._decode_patiently(body)
        return self._decode_patiently(body)

    def _are_plausible(self, rows: Sequence[Any]) -> bool:
        """Whether every moment lies in years that date arithmetic bears, whatever the offset."""
        for getter in self._timestamps:
            for row in rows:
                moment = getter(row)
                if isinstance(moment, datetime) and not FIRST_YEAR <= moment.year <= LAST_YEAR:
                    return False
        return True

    def _decode_patiently(self, body: bytes) -> Sequence[Any]:
        """Decode once more without a schema, to say everything that is wrong; or to find that nothing is.

        To JSON Schema 5.0 is an integer, and pandas writes whole numbers that way beside a missing one.
        """
        value = msgspec.json.decode(body)
        rows = value.get("rows", [value]) if isinstance(value, dict) and "rows" not in self._attributes else [value]
        if isinstance(value, dict) and "rows" in value and "rows" not in self._attributes and len(value) > 1:
            raise _not_rows(f"fields {', '.join(sorted(value)[:10])} beside `rows`")
        if not isinstance(value, dict) or not isinstance(rows, list):
            raise _not_rows(f"a JSON {_kind(value if not isinstance(value, dict) else rows)}")
        return self.from_plain(rows)

    def _require_count(self, count: int) -> None:
        if 1 <= count <= self.max_rows:
            return
        raise refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY if not count else HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "a request holds no row" if not count else "a request holds too many rows",
            found=f"{count} rows",
            allowed=f"1 to {self.max_rows} rows",
            remedy="send at least one row"
            if not count
            else "split them over several requests; they may be sent at the same time",
        )


@lru_cache(maxsize=256)
def _row_types(
    row_types: tuple[tuple[str, str], ...], optional_types: tuple[tuple[str, str], ...], required_values: frozenset[str]
) -> tuple[type[Any], type[Any]]:
    """Return two types: rows of the table's own columns, which are nearly all, and rows with joined columns beside them.

    Schemas of the same fields share them, so that rows decoded once can be asked of several releases.
    """
    attributes = _attributes(name for name, _ in (*row_types, *optional_types))
    own: list[tuple[str, Any]] = []
    for name, kind in row_types:
        own.append((attributes[name], TYPES[kind] if name in required_values else TYPES[kind] | None))
    joined = [(attributes[name], TYPES[kind] | None | msgspec.UnsetType, msgspec.UNSET) for name, kind in optional_types]
    options: Any = {
        "rename": {attribute: name for name, attribute in attributes.items()},
        "forbid_unknown_fields": True,
        "frozen": True,
        "gc": False,
    }
    return msgspec.defstruct("RequestRow", own, **options), msgspec.defstruct("WideRequestRow", [*own, *joined], **options)


def _attributes(names: Iterable[str]) -> dict[str, str]:
    """Return an attribute for each field: a column may be called anything, an attribute may not."""
    return {name: f"f{position}" for position, name in enumerate(names)}


def _many(row: type[Any]) -> type[Any]:
    rows = list[row]  # type: ignore[valid-type]
    return msgspec.defstruct("RequestRows", [("rows", rows)], forbid_unknown_fields=True, frozen=True)


def not_json(error: Exception) -> CallError:
    """Make the error for a body that cannot be read as JSON."""
    text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return refusal(
        HTTPStatus.BAD_REQUEST,
        "the body is not JSON",
        found=text[:200],
        allowed="one JSON object in UTF-8; JSON knows no NaN, a missing value is null",
        remedy="send the body that a JSON library writes; /docs shows an example",
    )


def _wrong_fields(problems: Sequence[FieldProblem], n_rows: int) -> CallError:
    first = problems[0]
    where = f"row {first.row}" + (f", field {first.field!r}" if first.field else "")
    more = f" ({len(problems)}{' or more' if len(problems) >= MAX_PROBLEMS else ''} mistakes)" if len(problems) > 1 else ""
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{where}: {first.what}{more}",
        found=first.found,
        allowed=first.allowed,
        remedy="correct the fields listed; /docs and /openapi.json describe them",
        fields=problems,
    )


def _not_rows(found: str) -> CallError:
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the body holds no rows",
        found=found,
        allowed='{"rows": [{…}, …]}, or one row {…}',
        remedy="send an object; /docs shows an example",
    )


def _kind(value: object) -> str:
    names = {list: "array", str: "string", bool: "boolean", type(None): "null", dict: "object"}
    return names.get(type(value), "number")
