"""What the stages of the data hand on: snapshots, what was found in them, features."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime

from evergreen.results.result import Result


class TableVersion(Result):
    """One table as one run saw it."""

    table: str
    uri: str
    version: int
    """Delta version that holds these rows."""
    digest: str
    """Digest over (day, content digest) of every day the run may read."""
    first_day: date
    last_day: date
    days: int
    rows: int


class Snapshot(Result):
    """The raw rows a run uses: one version of each table."""

    model: str
    as_of: AwareDatetime
    first_day: date
    """First day of the window."""
    last_day: date
    """Last day a file may belong to: the local day of `as_of`."""
    tables: dict[str, TableVersion]
    digest: str
    written_days: int
    """Day partitions written by the run that made this snapshot; unchanged days are not rewritten."""


class CheckOutcome(StrEnum):
    """How one check of the data came out."""

    PASSED = "passed"
    WARNED = "warned"
    QUARANTINED = "quarantined"
    FAILED = "failed"


class Check(Result):
    """One check of the data: what was found against what is allowed."""

    table: str
    name: str
    """An expectation's class name, or words for a rule of the contract."""
    target: str
    """The column or columns it is about; empty for the whole table."""
    outcome: CheckOutcome
    found: str
    allowed: str
    rows: int = 0
    """Rows that broke it, where it is about rows."""
    days: tuple[date, ...] = ()
    """Days that broke it; the first ten."""
    examples: tuple[str, ...] = ()
    """Rows or values that broke it; the first five."""


class ValidatedSnapshot(Result):
    """A snapshot whose expectations hold, with the rows that did not set aside."""

    snapshot: Snapshot
    quarantine: dict[str, TableVersion]
    """Per table that has any: the quarantine table, rows keyed by `_row_id` with `_reasons`."""
    quarantined_rows: dict[str, int]
    warnings: tuple[str, ...]
    report_uri: str
    digest: str
    """Digest of the snapshot and of what was quarantined; the input digest of later stages."""


class FeatureSet(Result):
    """Features by day, point-in-time correct, with labels where they have matured."""

    model: str
    as_of: AwareDatetime
    uri: str
    version: int
    digest: str
    first_day: date
    last_day: date
    rows: int
    labelled_rows: int
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    slice_columns: tuple[str, ...]
    """Columns the gate may slice by; kept as text under `_slice_<column>`."""
    labels_uri: str
    labels_version: int
    source_digest: str
    """Digest of features.py."""
    source: str
    """Text of features.py, which travels with the release."""
    layout_digest: str
    """Digest of the `FeatureLayout`: what of model.yaml decides about features, which travels with the release as well."""
    snapshot_digest: str
    built_days: int
    """Days computed by this run; the others were already there."""
    excluded_days: tuple[date, ...] = ()
    """Days whose rows nobody learns from or judges on; their features are there all the same."""
