"""Comparisons, membership and logic, with pandas' three ways to treat what is missing.

A comparison with a missing number, text or moment is false (`!=`: true). One with a missing `boolean` is itself missing, and
logic on those follows Kleene. Ordering text needs all of it to be there: pandas raises where one is missing.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import MAYBE, PER_SECOND, TRUTH, Form, Kind, refuse
from evergreen.features.few_rows.plan import single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Kernel, Plan, Values

_ORDER = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
_COMPARED = {**_ORDER, "eq": operator.eq, "ne": operator.ne}


def compare(plan: Plan, name: str, left: Column, right: Column) -> Column:
    """Add the step for one of eq, ne, lt, le, gt, ge."""
    forms = {left.kind.form, right.kind.form}
    if left.kind.is_number and right.kind.is_number:
        return plan.add(name, _native(name), (left, right), TRUTH)
    if forms == {Form.TEXT}:
        return plan.add(name, _text_kernel(name), (left, right), TRUTH, may_refuse=name in _ORDER)
    if forms in ({Form.MOMENT}, {Form.SPAN}):
        left, right = same_unit(plan, left, right)
        return plan.add(name, _moment_kernel(name), (left, right), TRUTH)
    if forms == {Form.TRUTH} and name in ("eq", "ne"):
        return plan.add(name, _native(name), (left, right), TRUTH)
    if left.kind.is_logical and right.kind.is_logical and name in ("eq", "ne"):
        return plan.add(name, _missing_stays(_COMPARED[name]), (left, right), MAYBE)
    raise refuse(f"{name} of {left.kind.form.name} and {right.kind.form.name}")


def same_unit(plan: Plan, left: Column, right: Column) -> tuple[Column, Column]:
    """Bring two columns of moments or spans to the finer of their units, as pandas does before it works with both."""
    if (left.kind.zone is None) is not (right.kind.zone is None) and left.kind.form is right.kind.form:
        raise refuse("moments with and without a time zone")
    finer = max(left.kind.unit, right.kind.unit, key=PER_SECOND.__getitem__)
    return in_unit(plan, left, finer), in_unit(plan, right, finer)


def in_unit(plan: Plan, column: Column, unit: str) -> Column:
    """Count moments or spans in a finer unit."""
    factor = PER_SECOND[unit] // PER_SECOND[column.kind.unit]
    if factor == 1:
        return column
    kind = Kind(column.kind.form, unit=unit, zone=column.kind.zone)

    def kernel(values: Values) -> list[Any]:
        scaled = [None if value is None else value * factor for value in values]
        if any(value is not None and abs(value) >= 2**63 for value in scaled):
            raise refuse("a moment out of pandas' bounds")
        return scaled

    return plan.add("in_unit", kernel, (column,), kind, parameters=(unit,), may_refuse=True)


def _native(name: str) -> Kernel:
    function = _COMPARED[name]
    return lambda left, right: list(map(function, left, right))


def _text_kernel(name: str) -> Kernel:
    if name not in _ORDER:
        return _equality(name)
    function = _ORDER[name]

    def kernel(left: Values, right: Values) -> list[Any]:
        try:
            return list(map(function, left, right))
        except TypeError:
            raise refuse("missing text compared by order") from None

    return kernel


def _equality(name: str) -> Kernel:
    if name == "eq":
        return lambda left, right: [x is not None and x == y for x, y in zip(left, right, strict=False)]
    return lambda left, right: [x is None or x != y for x, y in zip(left, right, strict=False)]


def _moment_kernel(name: str) -> Kernel:
    if name not in _ORDER:
        return _equality(name)
    function = _ORDER[name]
    return lambda left, right: [x is not None and y is not None and function(x, y) for x, y in zip(left, right, strict=False)]


def _missing_stays(function: Callable[[Any, Any], Any]) -> Kernel:
    return lambda left, right: [None if x is None or y is None else function(x, y) for x, y in zip(left, right, strict=False)]


def _kleene_and(left: Values, right: Values) -> list[Any]:
    return [
        False if x is False or y is False else None if x is None or y is None else True
        for x, y in zip(left, right, strict=False)
    ]


def _kleene_or(left: Values, right: Values) -> list[Any]:
    return [
        True if x is True or y is True else None if x is None or y is None else False for x, y in zip(left, right, strict=False)
    ]


def both(plan: Plan, name: str, left: Column, right: Column) -> Column:
    """Add the step for `and` or `or`."""
    if not (left.kind.is_logical and right.kind.is_logical):
        raise refuse(f"{name} of {left.kind.form.name} and {right.kind.form.name}")
    if left.kind == right.kind == TRUTH:
        function = operator.and_ if name == "and" else operator.or_
        return plan.add(name, lambda x, y: list(map(function, x, y)), (left, right), TRUTH)
    return plan.add(name, _kleene_and if name == "and" else _kleene_or, (left, right), MAYBE)


def _invert(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    column = single(columns, "not")
    if not column.kind.is_logical:
        raise refuse(f"not of {column.kind.form.name}")
    return plan.add("not", lambda values: [None if v is None else not v for v in values], (column,), column.kind)


def _horizontal(name: str) -> Callable[..., Column]:
    neutral = name == "and"

    def build(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
        if not all(column.kind.is_logical for column in columns):
            raise refuse(f"{name} of what is neither true nor false")
        if options["ignore_nulls"]:
            columns = [_filled(plan, column, neutral) for column in columns]
        result = columns[0]
        for column in columns[1:]:
            result = both(plan, name, result, column)
        return result

    return build


def _filled(plan: Plan, column: Column, value: bool) -> Column:
    if column.kind == TRUTH:
        return column
    return plan.add("fill", lambda values: [value if v is None else v for v in values], (column,), MAYBE, parameters=(value,))


_CLOSED = {"both": ("ge", "le"), "left": ("ge", "lt"), "right": ("gt", "le"), "none": ("gt", "lt")}


def _is_between(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    value, lower, upper = columns
    above, below = _CLOSED[options["closed"]]
    return both(plan, "and", compare(plan, above, value, lower), compare(plan, below, value, upper))


def _is_in(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    column = single(columns, "is_in")
    wanted = _members(options["other"], column.kind)
    return plan.add(
        "is_in", lambda values: [value in wanted for value in values], (column,), TRUTH, parameters=tuple(sorted(wanted))
    )


def _members(other: object, kind: Kind) -> frozenset[Any]:
    values: Iterable[Any] = other if isinstance(other, list | tuple | set | frozenset) else ()
    if isinstance(other, list | tuple | set | frozenset):
        if kind.form is Form.TEXT and all(type(value) is str for value in values):
            return frozenset(values)
        if kind.is_number and all(type(value) in (int, float) and abs(value) <= 2**53 for value in values):
            return frozenset(values)
    raise refuse("is_in of anything but numbers in numbers and text in texts")


def _comparison(name: str) -> Callable[..., Column]:
    return lambda plan, columns, _: compare(plan, name, *columns)


OPERATIONS = {
    **{f"__{name}__": _comparison(name) for name in _COMPARED},
    "__and__": lambda plan, columns, _: both(plan, "and", *columns),
    "__or__": lambda plan, columns, _: both(plan, "or", *columns),
    "__invert__": _invert,
    "all_horizontal": _horizontal("and"),
    "any_horizontal": _horizontal("or"),
    "is_between": _is_between,
    "is_in": _is_in,
}
