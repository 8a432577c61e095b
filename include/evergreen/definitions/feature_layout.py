"""What of a definition decides about features, apart from the code: it travels with a release, as the text of features.py does.

A champion answers for the features it has learned from. Built by another `history` or another `join` they would be other
features under the same names, and nothing would look wrong.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal, Self

from evergreen.definitions.data import Join, Table
from evergreen.definitions.schedule import TimeOfDay, Timezone
from evergreen.definitions.validation import TableValidation
from evergreen.definitions.words import AnyDuration, Column, Delay, Duration, Name, Section
from evergreen.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from evergreen.definitions.model import ModelDefinition

_LENIENCE = ("none", "exact", "keep_last")


class TableLayout(Section):
    """How one table's rows are named, dated and joined; where they come from and their types are not part of it."""

    key: tuple[Column, ...]
    """Columns that name one row."""
    event_time: Column | None
    """Timestamp of what the row tells; none for a reference table."""
    available_after: AnyDuration
    """When a row may be read, counted from its event time."""
    available_at: Column | None
    """Column that says when a row became available."""
    join: Join | None
    """How its columns reach the rows to predict."""


class FeatureLayout(Section):
    """Everything in a model.yaml that decides about features; the gate's slices change none."""

    rows: Name
    """The table whose rows are predicted."""
    predict_before: Delay
    """How long before its event time a row is predicted."""
    tables: dict[Name, TableLayout]
    """Every raw table, by name."""
    deduplicate: dict[Name, Literal["exact", "keep_last"]]
    """Per table that has one, its declared de-duplication."""
    at: TimeOfDay
    """Local time at which entity features are taken."""
    timezone: Timezone
    """Whose midnight ends a day."""
    history: Duration
    """How far back entity features look."""
    categorical: tuple[Column, ...]
    """Numeric-looking features that are categories, in order of name."""

    @classmethod
    def of(cls, definition: ModelDefinition) -> Self:
        """Take the layout out of a definition."""
        fields = set(TableLayout.model_fields)
        value = {
            "rows": definition.data.rows,
            "predict_before": definition.data.predict_before,
            "tables": {name: table.model_dump(include=fields) for name, table in definition.data.tables.items()},
            "deduplicate": {
                name: rules.deduplicate for name, rules in definition.validation.tables.items() if rules.deduplicate != "none"
            },
            "at": definition.schedule.at,
            "timezone": definition.schedule.timezone,
            "history": definition.features.history,
            "categorical": sorted(definition.features.categorical),
        }
        return cls.model_validate(value)

    @property
    def digest(self) -> str:
        """Digest of the whole: 32 hexadecimal characters; the order in which tables are named does not count."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:32]

    def restored(self, definition: ModelDefinition, columns: Mapping[str, Collection[str]] | None = None) -> ModelDefinition:
        """Return today's definition with this layout put back.

        Where rows come from, their declared columns and all that is no part of a layout stay as they are today. A table that
        came later is left out. Slices are left out too: they may name what this layout never knew.

        Args:
            definition: Today's.
            columns: Per table the columns that it has; default those it declares.

        Raises:
            FeatureError: A table or a column that the layout needs is gone, or a table has gained or lost its days.
        """
        declared = {name: table.columns for name, table in definition.data.tables.items() if table.columns}
        wrong = list(self._clashes(definition, [declared, columns or {}]))
        if wrong:
            raise FeatureError(
                "the champion's features cannot be built from today's tables",
                found="; ".join(wrong[:10]),
                allowed="the tables and columns that they were built from when the champion was trained",
                remedy="put them back in model.yaml until a model that does without them has been released",
            )
        # In today's order of tables: that of a layout is lost in canonical JSON.
        tables = {name: self._table(name, table) for name, table in definition.data.tables.items() if name in self.tables}
        rules = dict(definition.validation.tables)
        for name in self.deduplicate:
            rules[name] = self._rules(name, rules.get(name, TableValidation()))
        changes = {
            "data": {"rows": self.rows, "predict_before": self.predict_before, "tables": tables},
            "validation": {"tables": rules},
            "schedule": {"at": self.at, "timezone": self.timezone},
            "features": {"history": self.history, "categorical": self.categorical},
            "gate": {"slices": ()},
        }
        return definition.model_copy(
            update={name: getattr(definition, name).model_copy(update=change) for name, change in changes.items()}
        )

    def _table(self, name: str, today: Table) -> Table:
        released = self.tables[name]
        return today.model_copy(update={field: getattr(released, field) for field in TableLayout.model_fields})

    def _rules(self, name: str, today: TableValidation) -> TableValidation:
        # A stricter rule than today's would let copies through: when it held they failed the run, so the champion knows none,
        # and on rows without any both rules say the same.
        kept = max(self.deduplicate[name], today.deduplicate, key=_LENIENCE.index)
        return today.model_copy(update={"deduplicate": kept})

    def _clashes(self, definition: ModelDefinition, known: Sequence[Mapping[str, Collection[str]]]) -> Iterator[str]:
        for name, released in self.tables.items():
            today = definition.data.tables.get(name)
            if today is None:
                yield f"table {name!r} is gone"
                continue
            if today.is_reference != (released.event_time is None):
                yield f"table {name!r} was {_kind(released.event_time is None)} and is {_kind(today.is_reference)}"
                continue
            for column in self._columns_of(name):
                if any(name in tables and column not in tables[name] for tables in known):
                    yield f"column {name}.{column} is gone"

    def _columns_of(self, name: str) -> list[str]:
        """Columns of a table that the layout itself reads, each once."""
        table = self.tables[name]
        joins = [joined.join for joined in self.tables.values() if joined.join is not None and name == self.rows]
        joins += [table.join] if table.join is not None else []
        moments = [column for column in (table.event_time, table.available_at) if column is not None]
        return list(dict.fromkeys([*table.key, *moments, *(column for join in joins for column in join.by)]))


def _kind(is_reference: bool) -> str:
    return "a reference table" if is_reference else "a table with days"
