"""The recorded steps: each makes one column of values from columns before it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.kinds import Kind, NotForFewRows, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn, TypeAlias

    Values: TypeAlias = "Iterable[Any]"
    """One value per row, or one value for ever; what they are is known to the column's kind alone."""
    Kernel: TypeAlias = "Callable[..., list[Any]]"


@dataclass(frozen=True)
class Column:
    """A column of the recorded frame: what it is and where its values will stand."""

    kind: Kind
    slot: int
    literal: tuple[Any] | None = None
    """The one value of a literal."""

    def seen_as(self, kind: Kind) -> Column:
        """Return the same values as another kind."""
        return replace(self, kind=kind)


@dataclass(frozen=True)
class Step:
    """One computation of one column."""

    slot: int
    kernel: Kernel
    needs: tuple[int, ...]
    may_refuse: bool
    """It may find rows that pandas refuses or treats otherwise, and so has to run even where nobody asks for its result."""


@dataclass
class Plan:
    """Everything recorded of one call of `row_features`."""

    steps: list[Step] = field(default_factory=list)
    inputs: dict[str, Column] = field(default_factory=dict)
    literals: dict[int, Values] = field(default_factory=dict)
    trace: list[tuple[object, ...]] = field(default_factory=list)
    """What was asked for, in order: two recordings of one code that differ depend on something besides rows and entities."""
    refusals: list[str] = field(default_factory=list)
    _known: dict[tuple[object, ...], Column] = field(default_factory=dict)
    _slots: int = 0

    def refuse(self, reason: str) -> NoReturn:
        """Note that pandas is needed, so that nobody who catches the exception hides it, and say so."""
        self.refusals.append(reason)
        raise NotForFewRows(reason)

    def input(self, name: str, kind: Kind) -> Column:
        """Return the column of the request that has this name."""
        column = self.inputs[name] = Column(kind, self._slot())
        return column

    def literal(self, kind: Kind, value: object) -> Column:
        """Return a column that is the same in every row."""
        column = Column(kind, self._slot(), (value,))
        self.literals[column.slot] = repeat(value)
        return column

    def add(
        self,
        name: str,
        kernel: Kernel,
        columns: Sequence[Column],
        kind: Kind,
        *,
        parameters: tuple[object, ...] = (),
        may_refuse: bool = False,
    ) -> Column:
        """Append a step, or return what the same step made before.

        Args:
            name: What is computed; with `parameters` it decides about `kernel`.
            kernel: Takes the values of `columns` and returns as many.
            columns: What it needs.
            kind: What it makes.
            parameters: What else it depends on.
            may_refuse: Whether it may raise for some rows.
        """
        if columns and all(column.literal is not None for column in columns):
            return self.literal(kind, kernel(*([column.literal[0]] for column in columns if column.literal))[0])
        asked = (name, *((type(value), value) for value in parameters), *(self._name_of(column) for column in columns))
        self.trace.append(asked)
        if asked not in self._known:
            column = Column(kind, self._slot())
            self.steps.append(Step(column.slot, kernel, tuple(needed.slot for needed in columns), may_refuse))
            self._known[asked] = column
        return self._known[asked]

    def _slot(self) -> int:
        self._slots += 1
        return self._slots - 1

    @property
    def n_slots(self) -> int:
        """Number of columns of any sort."""
        return self._slots

    @staticmethod
    def _name_of(column: Column) -> object:
        """The same values may be seen as several kinds, of which an operation makes different things."""
        where = column.slot if column.literal is None else ("literal", type(column.literal[0]), repr(column.literal[0]))
        return where, column.kind


def single(columns: Sequence[Column], name: str) -> Column:
    """Return the one column an operation is about."""
    if len(columns) != 1:
        raise refuse(f"{name} of {len(columns)} columns")
    return columns[0]
