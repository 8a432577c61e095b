"""The recorded plan, run for a batch: lists in, lists out, no frame in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.features.few_rows.columns import reader, writer
from evergreen.features.few_rows.kinds import NotForFewRows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from evergreen.features.few_rows.columns import Reader, Writer
    from evergreen.features.few_rows.plan import Column, Kernel, Plan, Step


@dataclass(frozen=True)
class RowProgram:
    """`row_features` for a few rows and one set of entities; may be run by several threads at once."""

    _n_slots: int
    _inputs: tuple[tuple[int, str, Reader], ...]
    _literals: tuple[tuple[int, Any], ...]
    _steps: tuple[tuple[int, Kernel, int, tuple[int, ...]], ...]
    """Of each: the slot it fills, what computes it, and the first and the other slots it needs."""
    _outputs: tuple[tuple[str, int, Writer], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the request that it reads."""
        return tuple(name for _, name, _ in self._inputs)

    @property
    def features(self) -> tuple[str, ...]:
        """What it computes, in the order of `row_features`."""
        return tuple(name for name, _, _ in self._outputs)

    def run(self, columns: Mapping[str, Sequence[object]], n_rows: int) -> dict[str, list[float | str | None]] | None:
        """Compute the features of some rows.

        Args:
            columns: Values by column, n_rows each: `str`, `bool`, `float` (NaN is missing), moments as microseconds since
                1970 (UTC) or aware datetimes; None is missing everywhere. Columns it does not read are ignored.
            n_rows: Number of rows.

        Returns:
            Values by feature, n_rows each, missing as None: those that `to_columns` makes of what pandas returns. None
            where only pandas can say what becomes of these rows.
        """
        slots: list[Any] = [None] * self._n_slots
        for slot, values in self._literals:
            slots[slot] = values
        for slot, name, read in self._inputs:
            slots[slot] = read(columns[name])
        try:
            for slot, kernel, first, others in self._steps:
                slots[slot] = kernel(slots[first], *[slots[other] for other in others]) if others else kernel(slots[first])
            return {name: write(slots[slot], n_rows) for name, slot, write in self._outputs}
        except (NotForFewRows, ArithmeticError, TypeError, ValueError):
            return None


def assemble(plan: Plan, features: Mapping[str, Column], *, categorical: Collection[str]) -> RowProgram:
    """Keep of a plan what the features need.

    Args:
        plan: The recorded steps.
        features: Columns by feature.
        categorical: Features whose numbers are handed on as text.

    Raises:
        NotForFewRows: A feature is neither a number nor text.
    """
    outputs = tuple((name, c.slot, writer(name, c, as_category=name in categorical)) for name, c in features.items())
    steps, needed = _needed(plan.steps, {slot for _, slot, _ in outputs})
    return RowProgram(
        _n_slots=plan.n_slots,
        _inputs=tuple((c.slot, name, reader(c.kind)) for name, c in plan.inputs.items() if c.slot in needed),
        _literals=tuple((slot, values) for slot, values in plan.literals.items() if slot in needed),
        _steps=tuple((step.slot, step.kernel, step.needs[0], step.needs[1:]) for step in steps),
        _outputs=outputs,
    )


def _needed(steps: Sequence[Step], wanted: set[int]) -> tuple[list[Step], set[int]]:
    """Leave out what nobody asks for, but for steps that some rows must not pass."""
    needed = set(wanted)
    kept = []
    for step in reversed(steps):
        if step.slot in needed or step.may_refuse:
            kept.append(step)
            needed.update(step.needs)
    return kept[::-1], needed
