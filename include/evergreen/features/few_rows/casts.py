"""Changes of dtype, each with what pandas does about missing values."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import (
    NUMBER,
    SEALED_NUMBER,
    SEALED_TEXT,
    TEXT,
    TRUTH,
    Form,
    refuse,
    whole,
)
from evergreen.features.few_rows.numbers import within
from evergreen.features.few_rows.plan import single

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Kernel, Plan, Values

_INTEGERS = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64}


def _cast(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    return cast(plan, single(columns, "cast"), options["dtype"])


def cast(plan: Plan, column: Column, dtype: object) -> Column:
    """Add the step that makes another dtype of a column.

    Args:
        plan: Where the step goes.
        column: What is cast.
        dtype: A Narwhals dtype, class or instance.
    """
    target = getattr(dtype, "__name__", None) or type(dtype).__name__
    kind = column.kind
    if target == "String":
        return to_text(plan, column)
    if target == "Boolean" and kind.is_logical:
        return column
    if target == "Categorical" and kind == TEXT:
        return column.seen_as(SEALED_TEXT)
    if target in _INTEGERS and (kind.is_number or kind == TRUTH):
        bits = _INTEGERS[target]
        return plan.add(
            "to_integers", _to_integers(bits), (column,), whole(bits, sure=True), parameters=(bits,), may_refuse=True
        )
    if target == "Float64" and (kind.is_number or kind == TRUTH):
        return column if kind == NUMBER else plan.add("to_floats", _to_floats, (column,), NUMBER)
    if target in ("Float64", "Int64") and kind.form is Form.MAYBE:
        return column.seen_as(SEALED_NUMBER)
    raise refuse(f"cast of {kind.form.name} to {target}")


def _to_floats(values: Values) -> list[Any]:
    return list(map(float, values))


def _to_integers(bits: int) -> Kernel:
    def kernel(values: Values) -> list[Any]:
        numbers = list(values)
        if not all(map(isfinite, numbers)):
            raise refuse("a missing value cast to an integer")
        return within(list(map(int, numbers)), bits)

    return kernel


def to_text(plan: Plan, column: Column) -> Column:
    """Add the step that writes numbers and truths as text; missing stays missing."""
    kind = column.kind
    if kind == TEXT:
        return column
    if not (kind in (NUMBER, TRUTH) or (kind.form is Form.WHOLE and kind.sure)):
        raise refuse(f"cast of {kind.form.name} to text")
    return plan.add("to_text", lambda values: [str(v) if v == v else None for v in values], (column,), TEXT)


OPERATIONS = {"cast": _cast}
