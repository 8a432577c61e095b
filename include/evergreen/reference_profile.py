"""What a release's rows looked like when it was made: the reference that monitoring holds new rows against.

It travels in the release's bundle, so a rollback brings the right reference back. It holds counts, no rows.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat

from evergreen.results import Result, canonical_bytes

WEEKDAYS = 7


class NumericProfile(Result):
    """The distribution of a number: its values in rising order and how often each came, by weekday."""

    kind: Literal["numeric"] = "numeric"
    rows: int = Field(ge=0)
    nulls: int = Field(ge=0)
    """Rows without a value, among `rows`."""
    nulls_by_weekday: tuple[int, ...] = Field(min_length=WEEKDAYS, max_length=WEEKDAYS)
    """Monday first."""
    values: tuple[FiniteFloat, ...]
    """Rising, each once; where there were too many, the means of runs of neighbouring values."""
    counts: tuple[tuple[int, ...], ...]
    """Shape (7, n_values): rows of each weekday at each value."""
    exact: bool
    """Whether every value is there as it was."""
    minimum: FiniteFloat | None
    maximum: FiniteFloat | None
    mean: FiniteFloat | None
    standard_deviation: FiniteFloat | None
    """With n - 0 degrees of freedom, as NumPy computes it."""
    design_effect: FiniteFloat = Field(1.0, ge=1)
    """How many rows weigh as much as one independent row: rows of one day or week resemble each other."""


class CategoryProfile(Result):
    """The distribution of a category."""

    kind: Literal["category"] = "category"
    rows: int = Field(ge=0)
    nulls: int = Field(ge=0)
    nulls_by_weekday: tuple[int, ...] = Field(min_length=WEEKDAYS, max_length=WEEKDAYS)
    counts: dict[str, tuple[int, ...]]
    """Per category, in sorted order, rows of each weekday, Monday first."""
    design_effect: FiniteFloat = Field(1.0, ge=1)


ColumnProfile = Annotated[NumericProfile | CategoryProfile, Field(discriminator="kind")]


class ReferenceProfile(Result):
    """Everything new rows are held against."""

    format: Literal[1] = 1
    rows: int
    days: int
    features: dict[str, ColumnProfile]
    """Per feature of the release."""
    probability: NumericProfile | None
    """What the model says of rows it has not learned from: out of fold, calibrated."""
    positive_share: FiniteFloat
    """Share of yes among the labels."""
    answer_share: FiniteFloat | None
    """Share of rows whose answer is yes at the release's threshold, on the rows of `probability`."""
    rows_by_weekday: tuple[FiniteFloat, ...] = Field(min_length=WEEKDAYS, max_length=WEEKDAYS)
    """Mean rows of a day, by weekday, Monday first; 0 where the training rows had no such day."""

    @property
    def numeric(self) -> list[str]:
        """Names of the features that are numbers."""
        return [name for name, profile in self.features.items() if isinstance(profile, NumericProfile)]

    @property
    def categorical(self) -> list[str]:
        """Names of the features that are categories."""
        return [name for name, profile in self.features.items() if isinstance(profile, CategoryProfile)]

    def to_bytes(self) -> bytes:
        """Return the canonical text."""
        return canonical_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore from the canonical text."""
        return cls.model_validate(json.loads(data))
