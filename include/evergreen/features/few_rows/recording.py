"""A frame without rows, to which `row_features` is applied once: it writes down what would be done to them.

Narwhals takes any object with `__narwhals_dataframe__` for a frame of a backend and hands it its expressions. This one answers
only what does not depend on values. Everything else is refused, and the refusal is remembered, so that code which catches the
exception and takes another way does not end in a plan for rows that never were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.features.few_rows.expressions import Named, RecordedExpression, resolve
from evergreen.features.few_rows.joins import left_join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from enum import Enum
    from typing import NoReturn

    from evergreen.features.few_rows.plan import Column, Plan

_LOOKED_UP_ON_THE_TYPE = (
    *("getitem", "setitem", "delitem", "len", "iter", "contains", "bool", "array", "call", "eq", "ne", "lt", "le", "gt", "ge"),
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "and", "or", "invert", "neg", "dataframe"),
)
"""Python asks for these without asking for the attribute first."""


class RecordedFrame:
    """The rows of a request before there are any: names and kinds of columns, and the plan that makes their values.

    Args:
        plan: Where steps are written down.
        columns: The frame's columns, in order.
    """

    def __init__(self, plan: Plan, columns: Mapping[str, Column]) -> None:
        self._plan = plan
        self._columns = dict(columns)

    def __narwhals_dataframe__(self) -> RecordedFrame:
        return self

    def __narwhals_lazyframe__(self) -> RecordedFrame:
        return self

    def __narwhals_namespace__(self) -> RecordedNamespace:
        return RecordedNamespace(self._plan)

    def _with_version(self, version: Enum) -> RecordedFrame:
        if version.name != "MAIN":
            self._plan.refuse("a stable version of Narwhals, whose rules are its own")
        return self

    @property  # type: ignore[misc]  # to mypy every object's class may be set
    def __class__(self) -> type:
        """Code that asks whether it is given pandas takes the way that it takes in training."""
        return pd.DataFrame

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return list(self._columns)

    @property
    def recorded(self) -> Mapping[str, Column]:
        """The columns by name, in order."""
        return self._columns

    @property
    def native(self) -> RecordedFrame:
        """There is no other frame behind this one."""
        return self

    @property
    def _native_frame(self) -> RecordedFrame:
        return self

    def to_pandas(self) -> RecordedFrame:
        """Stand for the frame that pandas would have: code may end with it."""
        return self

    def lazy(self, backend: object, *, session: object = None) -> RecordedFrame:
        """Nothing here is eager."""
        return self if backend is None else self._plan.refuse("another engine")

    def collect(self, backend: object, **_: object) -> RecordedFrame:
        """Nothing is computed yet."""
        return self if backend is None else self._plan.refuse("another engine")

    def simple_select(self, *names: str) -> RecordedFrame:
        """Keep these columns, in this order."""
        return self._of(Named(name, name, self._column(name)) for name in names)

    def select(self, *expressions: RecordedExpression) -> RecordedFrame:
        """Keep what the expressions make."""
        return self._of(self._resolved(expressions))

    def with_columns(self, *expressions: RecordedExpression) -> RecordedFrame:
        """Add what the expressions make, in the place of columns of the same name."""
        new = self._unique(self._resolved(expressions))
        return RecordedFrame(self._plan, {**self._columns, **new})

    def cast(self, dtypes: Mapping[str, object]) -> RecordedFrame:
        """Change the dtype of some columns."""
        of = RecordedNamespace(self._plan)
        return self.with_columns(*(of.col(name).cast(dtype=dtype) for name, dtype in dtypes.items()))

    def rename(self, mapping: Mapping[str, str]) -> RecordedFrame:
        """Give columns other names; those that are not there are passed over, as in pandas."""
        return self._of(Named(mapping.get(name, name), name, column) for name, column in self._columns.items())

    def drop(self, columns: Sequence[str], *, strict: bool) -> RecordedFrame:
        """Leave columns out."""
        if strict:
            for name in columns:
                self._column(name)
        return RecordedFrame(self._plan, {name: column for name, column in self._columns.items() if name not in set(columns)})

    def join(
        self, other: object, *, how: str, left_on: Sequence[str] | None, right_on: Sequence[str] | None, suffix: str
    ) -> RecordedFrame:
        """Look up the one row of a frame of entities."""
        right = getattr(other, "native", None)
        if how != "left" or left_on is None or right_on is None:
            self._plan.refuse(f"a join that is {how}")
        if isinstance(other, RecordedFrame) or not isinstance(right, pd.DataFrame):
            self._plan.refuse("a join with anything but entities")
        for name in left_on:
            self._column(name)
        try:
            joined = left_join(self._plan, self._columns, right, left_on, right_on, suffix)
        except Exception as reason:  # as above
            self._plan.refuse(f"{type(reason).__name__}: {reason}")
        return RecordedFrame(self._plan, joined)

    def _column(self, name: str) -> Column:
        return self._columns[name] if name in self._columns else self._plan.refuse(f"no column {name!r}")

    def _resolved(self, expressions: Iterable[RecordedExpression]) -> list[Named]:
        try:
            return [named for expression in expressions for named in resolve(expression, self._columns)]
        except Exception as reason:  # whatever it is, no code may catch it and go on without it being known
            self._plan.refuse(f"{type(reason).__name__}: {reason}")

    def _of(self, columns: Iterable[Named]) -> RecordedFrame:
        return RecordedFrame(self._plan, self._unique(columns))

    def _unique(self, columns: Iterable[Named]) -> dict[str, Column]:
        named = list(columns)
        found = {each.name: each.column for each in named}
        return found if len(found) == len(named) else self._plan.refuse("two columns of one name")

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("_plan", "_columns"):
            raise AttributeError(name)
        self._plan.refuse(f"`{name}` of a frame")

    __hash__ = object.__hash__


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: RecordedFrame, *_: object) -> NoReturn:
        self._plan.refuse(f"`{name}` of a frame")

    return refuse


for _name in _LOOKED_UP_ON_THE_TYPE:
    setattr(RecordedFrame, f"__{_name}__", _refusal(f"__{_name}__"))


class RecordedNamespace:
    """Where Narwhals begins an expression."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def col(self, *names: str) -> RecordedExpression:
        """Columns by name."""
        return RecordedExpression(self._plan, "col", names)

    @property
    def selectors(self) -> NoReturn:
        """Refused: pandas tells the dtype of text from its values."""
        self._plan.refuse("selectors")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **options: RecordedExpression(self._plan, name, arguments, options)
