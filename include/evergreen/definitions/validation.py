"""Section `validation`: what the data must be, and what happens when it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Duration, Name, Section, Share

if TYPE_CHECKING:
    from collections.abc import Iterator

Severity = Literal["fail", "quarantine", "warn"]
ExpectationName = Annotated[
    str, StringConstraints(pattern=r"^Expect[A-Za-z0-9]+$"), "a class name such as ExpectColumnValuesToBeBetween"
]


class Expectation(Section):
    """One Great Expectations expectation, by its own class name."""

    expect: ExpectationName
    """Class name in `great_expectations.expectations`, such as ExpectColumnValuesToBeBetween."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Its own arguments, such as `column`, `min_value`, `mostly`."""
    severity: Severity = "fail"
    """`fail` stops the run, `quarantine` sets the failing rows aside, `warn` is said and counted."""


class RowCount(Section):
    """A day's rows against the same table's trailing days."""

    trailing: Duration = timedelta(days=28)
    """How far back, by day, the usual number of rows is taken from."""
    min_share: float = Field(0.5, ge=0)
    """Fewest rows, as a share of the trailing median."""
    max_share: float = Field(2.0, gt=0)
    """Most rows, as a share of the trailing median."""
    severity: Literal["fail", "warn"] = "fail"
    """What a day with too few or too many rows does."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield an empty range."""
        if self.min_share > self.max_share:
            yield Mistake(
                ("min_share",),
                "more rows at least than at most",
                spell(self.min_share),
                f"at most `max_share`, {self.max_share}",
                rests_on=(("max_share",),),
            )


class Novelty(Section):
    """Values never seen in the trailing history: new categories, numbers beyond any seen."""

    severity: Severity = "warn"
    """What a new value does."""
    range_margin: float = Field(0.1, ge=0)
    """How far beyond the seen range a number may lie, as a share of that range."""
    max_categories: int = Field(1000, ge=1)
    """Text columns with more distinct values than this are not watched for new categories."""
    ignore: tuple[str, ...] = ()
    """Columns not watched; keys and timestamps never are."""


class TableValidation(Section):
    """What one table must be."""

    freshness: Duration | None = None
    """Largest age of the newest day at `as_of`. Default: two days after a row becomes available; none for reference tables."""
    row_count: RowCount = RowCount()
    """How many rows a day may have."""
    novelty: Novelty = Novelty()
    """What counts as never seen."""
    deduplicate: Literal["none", "exact", "keep_last"] = "none"
    """`none`: a repeated key fails. `exact`: whole-row copies are dropped and counted. `keep_last`: a key's last row stays."""
    max_null_share: dict[str, Share] = Field(default_factory=dict)
    """Largest share of missing values a column may have in any new day, as a fraction."""
    expectations: tuple[Expectation, ...] = ()
    """Expectations of Great Expectations."""


class Validation(Section):
    """What the data must be."""

    max_quarantine_share: Share = 0.02
    """Largest share of a table's new rows that may be quarantined before the run fails."""
    tables: dict[Name, TableValidation] = Field(default_factory=dict)
    """Per table; a table not named here gets the defaults."""
