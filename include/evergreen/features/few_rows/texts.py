"""Operations on text, which pandas does with Python's own strings, missing staying missing."""

from __future__ import annotations

import re
from math import nan
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.casts import to_text
from evergreen.features.few_rows.kinds import TEXT, TRUTH, Form, refuse, whole
from evergreen.features.few_rows.plan import single

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Plan, Values


def _text_step(plan: Plan, name: str, columns: Sequence[Column], function: Callable[[str], Any], *parameters: object) -> Column:
    column = columns[0]
    if column.kind != TEXT:
        raise refuse(f"{name} of {column.kind.form.name}")
    return plan.add(
        name, lambda values: [None if v is None else function(v) for v in values], (column,), TEXT, parameters=parameters
    )


def _changed(name: str, function: Callable[[str], str]) -> Callable[..., Column]:
    return lambda plan, columns, _: _text_step(plan, name, columns, function)


def _stripped(name: str, function: Callable[[str, str | None], str]) -> Callable[..., Column]:
    def build(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
        characters = options["characters"]
        return _text_step(plan, name, columns, lambda text: function(text, characters), characters)

    return build


def _asked(name: str, ask: Callable[[str, str], bool]) -> Callable[..., Column]:
    """A question whose answer is false where the text is missing."""

    def build(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
        column, wanted = columns[0], _literal_text(columns[1])
        if column.kind != TEXT:
            raise refuse(f"{name} of {column.kind.form.name}")

        def kernel(values: Values) -> list[Any]:
            return [value is not None and ask(value, wanted) for value in values]

        return plan.add(name, kernel, (column,), TRUTH, parameters=(wanted,))

    return build


def _literal_text(column: Column) -> str:
    if column.literal is None or type(column.literal[0]) is not str:
        raise refuse("a pattern that is no literal text")
    return column.literal[0]


def _contains(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    if options["literal"]:
        return _asked("contains", lambda text, part: part in text)(plan, columns, options)
    pattern = re.compile(_literal_text(columns[1]))
    return _asked("matches", lambda text, _: pattern.search(text) is not None)(plan, columns, options)


def _replace(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    count, old, new = options.get("n", -1), options["pattern"], _literal_text(columns[1])
    if count == 0:
        return columns[0]
    if options["literal"]:
        return _text_step(plan, "replace", columns[:1], lambda text: text.replace(old, new, count), old, new, count)
    pattern, most = re.compile(old), max(count, 0)
    return _text_step(plan, "replace_matches", columns[:1], lambda text: pattern.sub(new, text, count=most), old, new, count)


def _slice(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    offset, length = options["offset"], options["length"]
    stop = None if length is None or offset < 0 <= offset + length else offset + length
    return _text_step(plan, "slice", columns, lambda text: text[offset:stop], offset, stop)


def _length(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    column = single(columns, "len_chars")
    if column.kind != TEXT:
        raise refuse(f"length of {column.kind.form.name}")

    def kernel(values: Values) -> list[Any]:
        texts = list(values)
        if None in texts:
            return [nan if text is None else float(len(text)) for text in texts]
        return list(map(len, texts))

    return plan.add("len_chars", kernel, (column,), whole())


def _zfill(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    width = options["width"]
    return _text_step(plan, "zfill", columns, lambda text: text.zfill(width), width)


def _padded(name: str, function: Callable[[str, int, str], str]) -> Callable[..., Column]:
    def build(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
        width, filling = options["length"], options["fill_char"]
        return _text_step(plan, name, columns, lambda text: function(text, width, filling), width, filling)

    return build


def _joined(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    """Text put together; one part missing and all is missing."""
    if options["ignore_nulls"] or any(column.kind.form is Form.TRUTH for column in columns):
        raise refuse("concat_str that skips what is missing, or of truths")
    separator = options["separator"]
    parts = [to_text(plan, column) for column in columns]

    def kernel(*values: Values) -> list[Any]:
        return [None if None in row else separator.join(row) for row in zip(*values, strict=False)]

    return plan.add("concat_str", kernel, parts, TEXT, parameters=(separator,))


OPERATIONS = {
    "str.to_uppercase": _changed("upper", str.upper),
    "str.to_lowercase": _changed("lower", str.lower),
    "str.to_titlecase": _changed("title", str.title),
    "str.strip_chars": _stripped("strip", str.strip),
    "str.strip_chars_start": _stripped("lstrip", str.lstrip),
    "str.strip_chars_end": _stripped("rstrip", str.rstrip),
    "str.starts_with": _asked("starts_with", str.startswith),
    "str.ends_with": _asked("ends_with", str.endswith),
    "str.contains": _contains,
    "str.replace": _replace,
    "str.replace_all": _replace,
    "str.slice": _slice,
    "str.len_chars": _length,
    "str.zfill": _zfill,
    "str.pad_start": _padded("rjust", str.rjust),
    "str.pad_end": _padded("ljust", str.ljust),
    "concat_str": _joined,
}
