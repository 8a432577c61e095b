"""Every operation that is known, by the name Narwhals gives it, and literals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.features.few_rows import casts, missing, moments, numbers, texts, truths
from evergreen.features.few_rows.kinds import NUMBER, TEXT, TRUTH, Form, Kind, moment, refuse, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Plan, Values

_MICROSECOND = timedelta(microseconds=1)


def _plus_or_minus(name: str, *, swapped: bool = False) -> Callable[..., Column]:
    """Addition is of numbers, of moments and spans, or of text."""

    def build(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
        left, right = reversed(columns) if swapped else columns
        if left.kind == right.kind == TEXT and name == "add":
            return plan.add("add_text", _add_text, (left, right), TEXT)
        if left.kind.form in (Form.MOMENT, Form.SPAN):
            return moments.shift(plan, name, left, right)
        return numbers.arithmetic(plan, name, left, right)

    return build


def _add_text(left: Values, right: Values) -> list[Any]:
    return [None if x is None or y is None else x + y for x, y in zip(left, right, strict=False)]


def _literal(plan: Plan, _: Sequence[Column], options: Mapping[str, Any]) -> Column:
    value = options["value"]
    if isinstance(value, np.float64 | np.int64 | np.bool_):
        value = value.item()
    column = plan.literal(*_kind_of_literal(value))
    return column if options["dtype"] is None else casts.cast(plan, column, options["dtype"])


def _kind_of_literal(value: object) -> tuple[Kind, object]:
    """A literal has the dtype that pandas gives a column of it alone."""
    if type(value) is bool:
        return TRUTH, value
    if type(value) is int and abs(value) <= 2**53:
        return whole(sure=True), value
    if type(value) is float:
        return NUMBER, value
    if type(value) is str:
        return TEXT, value
    nanoseconds: int | None = None
    kind = Kind(Form.SPAN, unit="ns")
    if type(value) is timedelta:
        nanoseconds = value // _MICROSECOND * 1_000
    elif type(value) is datetime:
        epoch = datetime(1970, 1, 1, tzinfo=UTC if value.tzinfo else None)
        nanoseconds, kind = (value - epoch) // _MICROSECOND * 1_000, moment("ns", "UTC" if value.tzinfo else None)
    if nanoseconds is None or abs(nanoseconds) >= 2**63:
        raise refuse(f"a literal of type {type(value).__name__}")
    return kind, nanoseconds


OPERATIONS: Mapping[str, Callable[[Plan, Sequence[Column], Mapping[str, Any]], Column]] = {
    **numbers.OPERATIONS,
    **truths.OPERATIONS,
    **missing.OPERATIONS,
    **casts.OPERATIONS,
    **texts.OPERATIONS,
    **moments.OPERATIONS,
    "__add__": _plus_or_minus("add"),
    "__sub__": _plus_or_minus("sub"),
    "__rsub__": _plus_or_minus("sub", swapped=True),
    "lit": _literal,
}
