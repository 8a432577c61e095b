"""What is missing, what stands in for it, and the choice between two columns."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import MAYBE, NUMBER, SEALED_NUMBER, TEXT, TRUTH, Form, Kind, refuse, whole
from evergreen.features.few_rows.plan import single

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.features.few_rows.plan import Column, Plan, Values


def _not_itself(values: Values) -> list[Any]:
    return [value != value for value in values]


def is_null(plan: Plan, column: Column) -> Column:
    """Add the step that asks whether a value is missing."""
    if column.kind.is_number:
        return plan.add("is_null", _not_itself, (column,), TRUTH)
    if column.kind.form is Form.OTHER:
        raise refuse("a column of a dtype that is not known")
    return plan.add("is_null", lambda values: [value is None for value in values], (column,), TRUTH)


def _is_nan(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    column = single(columns, "is_nan")
    if not column.kind.is_number:
        raise refuse(f"is_nan of {column.kind.form.name}")
    return plan.add("is_null", _not_itself, (column,), TRUTH)


def fill_null(plan: Plan, column: Column, value: Column) -> Column:
    """Add the step that puts another column, or a literal, in the place of what is missing."""
    forms = (column.kind.form, value.kind.form)
    if column.kind.is_number and value.kind.is_number:
        if forms == (Form.WHOLE, Form.NUMBER) and value.literal is None:
            raise refuse("whole numbers filled from a column of fractions")
        kind = column.kind
        return plan.add("fill_number", _fill_number, (column, value), kind)
    if forms in ((Form.TEXT, Form.TEXT), (Form.MAYBE, Form.TRUTH), (Form.MAYBE, Form.MAYBE)):
        return plan.add("fill_null", _fill_none, (column, value), column.kind)
    if column.kind == TRUTH and value.kind.form is Form.TRUTH:
        return column
    raise refuse(f"{forms[0].name} filled with {forms[1].name}")


def _fill_number(values: Values, others: Values) -> list[Any]:
    """Where a number is missing its column is one of floats, and stays so."""
    return [float(y) if x != x else x for x, y in zip(values, others, strict=False)]


def _fill_none(values: Values, others: Values) -> list[Any]:
    return [y if x is None else x for x, y in zip(values, others, strict=False)]


def _fill_null(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    if len(columns) != 2 or options.get("strategy") is not None or options.get("limit") is not None:
        raise refuse("fill_null by strategy")
    return fill_null(plan, *columns)


def _fill_nan(plan: Plan, columns: Sequence[Column], options: Mapping[str, Any]) -> Column:
    value, column = options["value"], single(columns, "fill_nan")
    if type(value) not in (int, float) or column.kind.form is not Form.NUMBER:
        raise refuse("fill_nan but of a float by a number")
    return fill_null(plan, column, plan.literal(NUMBER, float(value)))


def _coalesce(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    result = columns[0]
    for column in columns[1:]:
        result = fill_null(plan, result, column)
    return result


def _when_then(plan: Plan, columns: Sequence[Column], _: Mapping[str, Any]) -> Column:
    condition, then = columns[:2]
    if not condition.kind.is_logical or condition.literal is not None:
        raise refuse("a condition that is neither true nor false, or always the same")
    if len(columns) == 2:
        return _when_or_missing(plan, condition, then)
    otherwise = columns[2]
    kinds = (then.kind, otherwise.kind)
    if all(kind.is_number for kind in kinds):
        return plan.add("choose_number", _choose_number, (condition, then, otherwise), _kind_of_choice(*kinds))
    if kinds in ((TEXT, TEXT), (TRUTH, TRUTH), (MAYBE, MAYBE), (MAYBE, TRUTH)) or (
        then.kind == otherwise.kind and then.kind.form is Form.MOMENT
    ):
        return plan.add("choose", _choose, (condition, then, otherwise), then.kind)
    raise refuse(f"a choice between {then.kind.form.name} and {otherwise.kind.form.name}")


def _kind_of_choice(then: Kind, otherwise: Kind) -> Kind:
    if then.form is Form.NUMBER:
        return NUMBER
    if otherwise.form is Form.NUMBER:
        return whole(then.bits)
    return whole(min(then.bits, otherwise.bits), sure=then.sure and otherwise.sure)


def _when_or_missing(plan: Plan, condition: Column, then: Column) -> Column:
    kind = then.kind
    if kind.is_number:
        missing = plan.literal(NUMBER, nan)
        kind = NUMBER if kind.form is Form.NUMBER else whole(kind.bits)
        return plan.add("choose_number", _choose_number, (condition, then, missing), kind)
    if kind == TRUTH:
        kind = SEALED_NUMBER
    return plan.add("choose", _choose, (condition, then, plan.literal(kind, None)), kind)


def _choose(conditions: Values, then: Values, otherwise: Values) -> list[Any]:
    return [x if chosen else y for chosen, x, y in zip(conditions, then, otherwise, strict=False)]


def _choose_number(conditions: Values, then: Values, otherwise: Values) -> list[Any]:
    """Integers stay integers where nothing is replaced, or where what replaces them, or comes of it, is nearly integer."""
    rows = list(zip(conditions, then, otherwise, strict=False))
    chosen = [x if condition else y for condition, x, y in rows]
    if not rows or type(rows[0][1]) is float:
        return list(map(float, chosen))
    if all(condition for condition, _, _ in rows):
        return chosen
    if all(abs(y) < 2**63 and y == int(y) for _, _, y in rows) or all(map(_is_nearly_whole, chosen)):
        return list(map(round, chosen))
    return list(map(float, chosen))


def _is_nearly_whole(value: float) -> bool:
    """Whether pandas, having made floats of integers to replace some, makes integers of them again (`np.allclose`)."""
    return abs(value) < 2**63 and abs(round(value) - value) <= 1e-8


OPERATIONS = {
    "is_null": lambda plan, columns, _: is_null(plan, single(columns, "is_null")),
    "is_nan": _is_nan,
    "fill_null": _fill_null,
    "fill_nan": _fill_nan,
    "coalesce": _coalesce,
    "when_then": _when_then,
}
