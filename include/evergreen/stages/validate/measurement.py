"""What validation measured, in numbers: all that `decide` needs, nothing it does not."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime

from evergreen.definitions.validation import Severity
from evergreen.results import Result


class DayProfile(Result):
    """One day of one table in a few numbers: history for the days after it, without its rows."""

    day: date
    digest: str
    """Content digest of the day as it was ingested."""
    delivered_rows: int
    rows: int
    """Rows that could be read at the run's as-of and lie in their day, copies dropped."""
    copies: int
    """Rows that the declared de-duplication dropped."""
    due: bool
    """Whether the day was to be complete at the as-of; only then are its counts, shares and averages judged."""
    due_at: AwareDatetime | None
    """When it was to be complete; None when nothing told."""
    settled_at: AwareDatetime | None
    """When the last of its rows became readable; None while some were not, and for reference tables."""
    lag_seconds: float | None
    """When nine of ten rows had become readable, counted from the end of the day."""
    nulls: dict[str, int]
    """Missing values by column, before quarantine."""
    ranges: dict[str, tuple[float, float]]
    """Smallest and largest accepted value of each watched number."""
    categories: dict[str, dict[str, int]]
    """Accepted values of each watched text column with their counts; columns with too many are left out."""
    labelled: int = 0
    positives: int = 0
    quarantined: int = 0
    quarantine_digest: str | None = None
    """Digest of the day's quarantined rows; None when there are none."""


class RowExample(Result):
    """One row that broke a rule."""

    row_id: str
    day: date
    key: str
    value: str


class RuleMeasurement(Result):
    """How one rule about rows, a column or a whole table came out."""

    name: str
    """Its own name: an expectation's class, or words for a rule of the contract."""
    target: str
    """The column or columns it is about; empty for the table."""
    severity: Severity
    allowed: str
    by: Literal["row", "day"]
    """Whether it judged single rows, or each day as a whole."""
    judged: int
    """Rows or days that were judged."""
    failing_rows: int = 0
    failing_days: dict[date, str] = {}
    """Per failing day what was found."""
    examples: tuple[RowExample, ...] = ()
    error: str = ""
    """Why the rule could not be judged at all; such a rule fails whatever its severity."""


class Novelty(Result):
    """Values of one column on one day that no earlier day had."""

    column: str
    day: date
    values: dict[str, int] = {}
    """New categories with their counts; the most frequent ten."""
    bounds: tuple[str, str] = ("", "")
    """The lowest and the highest of the numbers beyond the range."""
    rows: int
    distinct: int
    seen: str
    """What was seen before: a range, or how many categories."""
    kind: Literal["category", "number"]


class TableMeasurement(Result):
    """Everything measured about one table on one night."""

    table: str
    reference: bool
    new_days: tuple[date, ...]
    """Days judged by this run; the others stand as they were judged."""
    new_rows: int
    """Rows of those days that could be read."""
    profiles: dict[date, DayProfile]
    """Every day of the window."""
    previous: DayProfile | None = None
    """For a reference table: the version accepted before this one."""
    missing_days: tuple[date, ...] = ()
    """Due days without any row, but for the gaps that an earlier night was let through with."""
    newest_age_seconds: float | None = None
    """Age of the newest day with readable rows at the as-of, counted from the day's end; None when there is none."""
    lag_seconds: float = 0.0
    """How long after a day's end its rows are usually readable."""
    repeated_keys: int = 0
    """Rows whose key another row has too."""
    repeated_key_examples: tuple[str, ...] = ()
    rules: tuple[RuleMeasurement, ...] = ()
    novelties: tuple[Novelty, ...] = ()
    quarantined: int = 0
    """Rows of the new days set aside."""
    reasons: dict[str, int] = {}
    """Rows by reason; a row with two reasons counts in both."""
    holds_label: bool = False
