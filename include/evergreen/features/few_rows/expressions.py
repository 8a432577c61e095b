"""Narwhals expressions as it hands them to a backend, kept as a tree and resolved when a frame is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import NotForFewRows
from evergreen.features.few_rows.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from narwhals._expression_parsing import ExprMetadata

    from evergreen.features.few_rows.plan import Column, Plan

_ACCESSORS = frozenset({"str", "dt", "name", "cat", "list", "struct"})
_OF_ALL_COLUMNS = frozenset({"all_horizontal", "any_horizontal", "sum_horizontal", "coalesce", "concat_str"})
"""Functions that take the columns of all their arguments together; others are applied to each column of the first."""
_CALLED_LITERAL = frozenset({"__rsub__", "__rtruediv__", "__rfloordiv__", "__rmod__", "__rpow__"})


@dataclass(frozen=True)
class Named:
    """A column, the name it goes by and the one it came from."""

    name: str
    root: str
    column: Column


class RecordedExpression:
    """One expression: an operation, the expressions it takes and its options.

    Narwhals reaches every method by its name, the operators' double underscores included.
    """

    def __init__(
        self, plan: Plan, operation: str, arguments: Sequence[object] = (), options: Mapping[str, Any] | None = None
    ) -> None:
        self.plan = plan
        self.operation = operation
        self.arguments = arguments
        self.options = options or {}
        self._opt_metadata: ExprMetadata | None = None

    @property
    def _metadata(self) -> ExprMetadata | None:
        return self._opt_metadata

    def broadcast(self) -> RecordedExpression:
        """Return the same: literals are repeated wherever they meet a column."""
        return RecordedExpression(self.plan, self.operation, self.arguments, self.options)

    def __getattr__(self, name: str) -> Any:
        if name in _ACCESSORS:
            return _Accessor(self, name)
        return self._method(name)

    def _method(self, name: str) -> Callable[..., RecordedExpression]:
        def call(*arguments: object, **options: Any) -> RecordedExpression:
            return RecordedExpression(self.plan, name, (self, *arguments), options)

        return call

    # Every object has these, so that __getattr__ is not asked for them.
    __eq__ = property(lambda self: self._method("__eq__"))
    __ne__ = property(lambda self: self._method("__ne__"))
    __lt__ = property(lambda self: self._method("__lt__"))
    __le__ = property(lambda self: self._method("__le__"))
    __gt__ = property(lambda self: self._method("__gt__"))
    __ge__ = property(lambda self: self._method("__ge__"))
    __hash__ = object.__hash__


class _Accessor:
    """What stands behind `expression.dt`, `expression.str` and the like."""

    def __init__(self, expression: RecordedExpression, name: str) -> None:
        self._expression = expression
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., RecordedExpression]:
        return self._expression._method(f"{self._name}.{method}")


def resolve(expression: RecordedExpression, columns: Mapping[str, Column]) -> list[Named]:
    """Add the steps of an expression and return the columns it makes of a frame.

    Raises:
        NotForFewRows: It uses something that is not known here.
    """
    plan, operation, options = expression.plan, expression.operation, expression.options
    if operation in ("col", "all", "exclude", "nth"):
        return [Named(name, name, columns[name]) for name in _chosen(expression, columns)]
    if operation == "lit":
        return [Named("literal", "literal", OPERATIONS["lit"](plan, (), options))]
    arguments = [_resolved(argument, columns) for argument in expression.arguments]
    if operation in ("alias", "name.prefix", "name.suffix", "name.keep"):
        return [_renamed(named, operation, options) for named in arguments[0]]
    if operation not in OPERATIONS:
        plan.refuse(f"`{operation}`")
    build = OPERATIONS[operation]
    if operation in _OF_ALL_COLUMNS:
        every = [named for argument in arguments for named in argument]
        return [replace(every[0], column=build(plan, [named.column for named in every], options))]
    others = [_one(argument).column for argument in arguments[1:]]
    if operation == "when_then":
        then = _one(arguments[1])
        return [replace(then, column=build(plan, [_one(arguments[0]).column, *others], options))]
    called = {"name": "literal"} if operation in _CALLED_LITERAL else {}
    return [replace(named, column=build(plan, [named.column, *others], options), **called) for named in arguments[0]]


def _resolved(argument: object, columns: Mapping[str, Column]) -> list[Named]:
    if not isinstance(argument, RecordedExpression):
        raise NotForFewRows(f"an argument of type {type(argument).__name__}")
    return resolve(argument, columns)


def _one(columns: Sequence[Named]) -> Named:
    if len(columns) != 1:
        raise NotForFewRows("several columns where one is meant")
    return columns[0]


def _chosen(expression: RecordedExpression, columns: Mapping[str, Column]) -> Sequence[str]:
    operation, names = expression.operation, list(columns)
    if operation == "all":
        return names
    if operation == "nth":
        return [names[position] for position in expression.options["indices"]]
    given = [str(name) for name in expression.arguments]
    if operation == "exclude":
        return [name for name in names if name not in given]
    absent = [name for name in given if name not in columns]
    if absent:
        expression.plan.refuse(f"no column {absent[0]!r}")
    return given


def _renamed(named: Named, operation: str, options: Mapping[str, Any]) -> Named:
    if operation == "alias":
        return replace(named, name=options["name"])
    if operation == "name.keep":
        return replace(named, name=named.root)
    prefix, suffix = options.get("prefix", ""), options.get("suffix", "")
    return replace(named, name=f"{prefix}{named.root}{suffix}")
