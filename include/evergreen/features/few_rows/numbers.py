"""Arithmetic on numbers, as NumPy does it inside pandas."""

from __future__ import annotations

import operator
from math import copysign, inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.features.few_rows.kinds import NUMBER, TRUTH, Form, Kind, refuse, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Kernel, Plan, Values

_LIMITS = {8: 2**7 - 1, 16: 2**15 - 1, 32: 2**31 - 1, 64: 2**53}
"""Largest whole number by width: beyond it an integer wraps around, or is no longer the same number as a float."""


def within(values: list[Any], bits: int) -> list[Any]:
    """Return the values unless one is too large to be the same number however pandas keeps it."""
    if values and type(values[0]) is int:
        limit = _LIMITS[bits]
        if max(values) > limit or min(values) < -limit:
            raise refuse(f"a whole number beyond {limit}")
    return values


def _elementwise(function: Callable[[Any, Any], Any], bits: int | None) -> Kernel:
    def kernel(left: Values, right: Values) -> list[Any]:
        values = list(map(function, left, right))
        return values if bits is None else within(values, bits)

    return kernel


def _divide(left: Values, right: Values) -> list[Any]:
    try:
        return list(map(operator.truediv, left, right))
    except ZeroDivisionError:
        return [x / y if y else _by_zero(x, y) for x, y in zip(left, right, strict=False)]


def _by_zero(dividend: float, zero: float) -> float:
    return nan if dividend == 0 or dividend != dividend else copysign(inf, dividend) * copysign(1.0, zero)


def _null_on_zero(function: Callable[[Any, Any], Any]) -> Kernel:
    """Quotients and remainders are missing where the divisor is zero, and then no longer integers anywhere."""

    def kernel(left: Values, right: Values) -> list[Any]:
        try:
            return list(map(function, left, right))
        except ZeroDivisionError:
            return [float(function(x, y)) if y else nan for x, y in zip(left, right, strict=False)]

    return kernel


_NULL_ON_ZERO = {"floordiv": operator.floordiv, "mod": operator.mod}
_PLAIN = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def arithmetic(plan: Plan, name: str, left: Column, right: Column) -> Column:
    """Add the step for one of add, sub, mul, truediv, floordiv, mod."""
    kinds = (left.kind, right.kind)
    truths = sum(kind.form is Form.TRUTH for kind in kinds)
    if not all(kind.is_number or kind.form is Form.TRUTH for kind in kinds) or truths > (name in _PLAIN):
        raise refuse(f"{name} of {left.kind.form.name} and {right.kind.form.name}")
    integers = all(kind.form is not Form.NUMBER for kind in kinds)
    bits = _bits(left, right)
    if name == "truediv":
        return plan.add(name, _divide, (left, right), NUMBER)
    if name in _PLAIN:
        sure = all(kind.sure or kind.form is Form.TRUTH for kind in kinds)
        kind = whole(bits, sure=sure) if integers else NUMBER
        kernel = _elementwise(_PLAIN[name], bits if integers else None)
        return plan.add(name, kernel, (left, right), kind, may_refuse=integers)
    return plan.add(name, _null_on_zero(_NULL_ON_ZERO[name]), (left, right), whole(bits) if integers else NUMBER)


def _bits(left: Column, right: Column) -> int:
    """Width of what comes of whole numbers: a literal takes that of the column, and must fit."""
    columns = [column for column in (left, right) if column.kind.form is Form.WHOLE]
    bits = max((column.kind.bits for column in columns if column.literal is None), default=64)
    if any(abs(column.literal[0]) > _LIMITS[bits] for column in columns if column.literal):
        raise refuse("a literal that is wider than its column")
    return bits


def _operation(name: str, *, swapped: bool = False) -> Callable[..., Column]:
    def build(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
        left, right = reversed(columns) if swapped else columns
        return arithmetic(plan, name, left, right)

    return build


def _power(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    """Numbers to a literal power; of whole numbers the square alone, as others may wrap around."""
    base, exponent = columns
    if exponent.literal is None or not exponent.kind.is_number:
        raise refuse("a power that differs by row")
    power = exponent.literal[0]
    if base.kind.form is Form.WHOLE and power == 2 and type(power) is int:
        return arithmetic(plan, "mul", base, base)
    if base.kind.form is not Form.NUMBER:
        raise refuse(f"a power of {base.kind.form.name}")
    return plan.add("pow", _by_numpy(lambda values: values**power), (base,), NUMBER, parameters=(power,))


def numeric(plan: Plan, name: str, columns: Sequence[Column], kernel: Kernel, kind: Kind | None = None) -> Column:
    """Add a step on one number; without `kind` it stays what it was."""
    column = columns[0]
    if not column.kind.is_number:
        raise refuse(f"{name} of {column.kind.form.name}")
    return plan.add(name, kernel, (column,), kind or column.kind)


def _negative(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    return numeric(plan, "neg", columns, lambda values: list(map(operator.neg, values)))


def _absolute(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    return numeric(plan, "abs", columns, lambda values: list(map(abs, values)))


def _array_step(plan: Plan, name: str, columns: Sequence[Column], function: Callable[..., Any], *parameters: int) -> Column:
    """A rounding, done by NumPy itself: its rule for halves and for the sign of zero is its own."""
    if columns[0].kind.form is Form.WHOLE:
        return columns[0]

    if columns[0].kind.form is not Form.NUMBER:
        raise refuse(f"{name} of {columns[0].kind.form.name}")
    return plan.add(name, _by_numpy(function, *parameters), columns[:1], NUMBER, parameters=parameters)


def _round(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    if options["decimals"] < 0:
        raise refuse("rounding to tens")
    return _array_step(plan, "round", columns, np.round, options["decimals"])


def _by_numpy(function: Callable[..., Any], *parameters: Any) -> Kernel:
    """Ask NumPy itself, for as many values as pandas would: it rounds halves and takes logarithms in its own way."""

    def kernel(values: Values) -> list[Any]:
        with np.errstate(all="ignore"):
            results: list[Any] = function(np.array(list(values), dtype=np.float64), *parameters).tolist()
        return results

    return kernel


def _log(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    base = options["base"]
    if type(base) not in (int, float) or base <= 0:
        raise refuse(f"a logarithm to the base of {base!r}")
    return _float_step(plan, "log", columns, lambda values: np.log(values) / np.log(base), base)


def _function(name: str, function: Callable[..., Any]) -> Callable[..., Column]:
    return lambda plan, columns, _: _float_step(plan, name, columns, function)


def _float_step(plan: Plan, name: str, columns: Sequence[Column], function: Callable[..., Any], *parameters: Any) -> Column:
    """Functions that make floats of any number; of narrow integers NumPy makes narrow floats."""
    kind = columns[0].kind
    if not kind.is_number or (kind.form is Form.WHOLE and kind.bits < 32):
        raise refuse(f"{name} of {kind.form.name}")
    return plan.add(name, _by_numpy(function), columns[:1], NUMBER, parameters=parameters)


def _finite(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    return numeric(plan, "is_finite", columns, lambda values: list(map(isfinite, values)), TRUTH)


def clipped(plan: Plan, column: Column, lower: Column | None, upper: Column | None) -> Column:
    """Add the step that keeps numbers within literal bounds."""
    bounds = [bound for bound in (lower, upper) if bound is not None]
    if not column.kind.is_number or any(bound.literal is None or not bound.kind.is_number for bound in bounds):
        raise refuse("clip of no number, or to bounds that differ by row")
    values = [bound.literal[0] for bound in bounds if bound.literal]
    if any(value != value for value in values) or (column.kind.form is Form.WHOLE and not all(type(v) is int for v in values)):
        raise refuse("clip of whole numbers to fractions, or to a missing bound")
    low = None if lower is None else min(values)
    high = None if upper is None else max(values)

    def kernel(numbers: Values) -> list[Any]:
        kept = list(numbers)
        as_they_are = type(kept[0]) if kept else float
        if low is not None:
            at_least = as_they_are(low)
            kept = [value if value >= low or value != value else at_least for value in kept]
        if high is not None:
            at_most = as_they_are(high)
            kept = [value if value <= high or value != value else at_most for value in kept]
        return kept

    return plan.add("clip", kernel, (column,), column.kind, parameters=(low, high))


def _sum_horizontal(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    total: Column | None = None
    for column in columns:
        filled = numeric(plan, "zero_if_missing", (column,), _zero_if_missing)
        total = filled if total is None else arithmetic(plan, "add", total, filled)
    if total is None:
        raise refuse("a sum of nothing")
    return total


def _zero_if_missing(values: Values) -> list[Any]:
    return [value if value == value else 0.0 for value in values]


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod")
OPERATIONS = {
    **{f"__{name}__": _operation(name) for name in _BINARY},
    **{f"__r{name}__": _operation(name, swapped=True) for name in ("sub", "truediv", "floordiv", "mod")},
    "__pow__": _power,
    "__neg__": _negative,
    "abs": _absolute,
    "round": _round,
    "floor": lambda plan, columns, _: _array_step(plan, "floor", columns, np.floor),
    "ceil": lambda plan, columns, _: _array_step(plan, "ceil", columns, np.ceil),
    "sqrt": _function("sqrt", np.sqrt),
    "exp": _function("exp", np.exp),
    "sin": _function("sin", np.sin),
    "cos": _function("cos", np.cos),
    "log": _log,
    "is_finite": _finite,
    "clip": lambda plan, columns, _: clipped(plan, *columns),
    "clip_lower": lambda plan, columns, _: clipped(plan, columns[0], columns[1], None),
    "clip_upper": lambda plan, columns, _: clipped(plan, columns[0], None, columns[1]),
    "sum_horizontal": _sum_horizontal,
}
