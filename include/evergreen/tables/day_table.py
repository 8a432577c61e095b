"""Tables kept by day: every version stays readable, a commit is whole or not there, unchanged days are not rewritten.

A table is a Delta Lake table partitioned by `_day` (ISO text) and `_digest` (the content digest of that day's rows). The
digests stand in the log, so that comparing days reads no data. Only this module, `served_table` and `versioned_table` know
Delta Lake.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from evergreen.digests import digest_json, digest_table
from evergreen.errors import DataError, StoreUnavailableError
from evergreen.tables.arrow_types import keepable
from evergreen.tables.day_rows import DAY, DIGEST, POSITION, in_order, mode_for, stack_days, typed
from evergreen.tables.store_errors import store_errors
from evergreen.tables.versioned_table import CONFIGURATION, MAX_ATTEMPTS, VersionedTable, missing_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from deltalake import DeltaTable

    from evergreen.tables.row_search import RowMatch


__all__ = ["DAY", "DIGEST", "POSITION", "REFERENCE_DAY", "DayTable", "Partition", "WriteResult"]

REFERENCE_DAY = date(1970, 1, 1)
"""The one day under which a table without days is kept."""


@dataclass(frozen=True)
class Partition:
    """One day of a table, as its log tells it."""

    day: date
    digest: str
    rows: int


@dataclass(frozen=True)
class WriteResult:
    """What a write left behind."""

    version: int
    written: tuple[date, ...]
    """Days that were added, replaced or removed; the others were already there."""
    partitions: dict[date, Partition]
    """Every day of the table at `version`."""


class DayTable(VersionedTable):
    """Rows by day at a local path or `s3://bucket/prefix`; nothing need exist before the first write."""

    def schema(self, version: int | None = None) -> pa.Schema | None:
        """Return the rows' columns and types without `_day`, `_digest`, `_position`; None when there is no table."""
        table = self._open(version)
        return None if table is None else _row_schema(table)

    def partitions(self, version: int | None = None) -> dict[date, Partition]:
        """Return the days of a version (default: the newest), in order; reads the log alone."""
        table = self._open(version)
        return {} if table is None else _partitions(table)

    def write_days(self, days: Mapping[date, pa.Table], *, metadata: Mapping[str, str] | None = None) -> WriteResult:
        """Make each named day hold exactly these rows, in one commit.

        A day whose content digest is already there is not rewritten; a day of no rows is removed; other days stay as they
        are. When another writer comes in between, the comparison is made again: the version returned holds these very rows.

        Args:
            days: At least one day, its rows in the order that `_position` will number.
            metadata: Words to keep with the commit.

        Raises:
            DataError: The types cannot be kept, or clash with those of days that stay.
            StoreUnavailableError: Other writers kept coming in between, or the store did not answer.
        """
        kept = {day: keepable(days[day]) for day in sorted(days)}
        digests = {day: digest_table(rows) if rows.num_rows else "" for day, rows in kept.items()}
        written: set[date] = set()
        for attempt in range(MAX_ATTEMPTS):
            table = self._open()
            found = {} if table is None else _partitions(table)
            changed = _differing(digests, found)
            if table is not None and not changed:
                return WriteResult(int(table.version()), tuple(sorted(written)), found)
            rows = stack_days({day: kept[day] for day in changed or kept}, digests)
            if self._commit(table, rows, changed, stay=not set(found) <= set(changed) or not rows.num_rows, metadata=metadata):
                written.update(changed)
                table = self._open()
                found = {} if table is None else _partitions(table)
                # The newest version may be another writer's: callers remember its digests as those of their rows.
                if table is not None and not _differing(digests, found):
                    return WriteResult(int(table.version()), tuple(sorted(written)), found)
            time.sleep(random.uniform(0.02, 0.1) * min(attempt + 1, 5))  # writers that met once should not meet again
        raise _crowded(self.uri)

    def change_day(self, day: date, change: Callable[[pa.Table | None], pa.Table]) -> WriteResult:
        """Read a day, change it and write it back; when another writer comes in between, all of it again.

        Args:
            day: The day.
            change: From the day's rows, without `_day`, `_digest` and `_position` (None when there are none), to the new ones;
                called once per attempt.

        Raises:
            DataError: The types cannot be kept, or clash with those of days that stay.
            StoreUnavailableError: Other writers kept coming in between, or the store did not answer.
        """
        for attempt in range(MAX_ATTEMPTS):
            table = self._open()
            found = {} if table is None else _partitions(table)
            present = None
            if table is not None and day in found:
                present = self.read(int(table.version()), days=[day]).drop_columns([DAY, DIGEST, POSITION])
            rows = keepable(change(present))
            digest = digest_table(rows)
            if table is not None and day in found and digest == found[day].digest:
                return WriteResult(int(table.version()), (), found)
            # The commit stands on the version that was read: it fails when somebody else has written the day since.
            if self._commit(table, stack_days({day: rows}, {day: digest}), [day], stay=set(found) != {day}, metadata=None):
                written = self._open()
                if written is not None:
                    return WriteResult(int(written.version()), (day,), _partitions(written))
            time.sleep(random.uniform(0.02, 0.1) * min(attempt + 1, 5))
        raise _crowded(self.uri)

    def leave_out(self, day: date, match: RowMatch) -> None:
        """Write a day again without some of its rows; earlier versions keep them.

        Raises:
            StoreUnavailableError: Other writers kept coming in between, or the store did not answer.
        """
        if day in self.partitions():
            self.change_day(day, lambda rows: _without(rows, match))

    def read(self, version: int, *, days: Collection[date] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of a version ordered by (`_day`, `_position`), with `_day` (date32), `_digest` and `_position`.

        Args:
            version: A version that was written before; the newest one is never assumed.
            days: Only these days; default all. Days that are not there give no rows.
            columns: Only these columns, besides the three; default all.

        Raises:
            DataError: The version, one of its files or one of the columns is not there.
        """
        table = self._open(version)
        if table is None:
            raise missing_version(self.uri, version, "no table")
        schema = _row_schema(table)
        wanted = list(schema.names if columns is None else columns)
        unknown = sorted(set(wanted) - set(schema.names))
        if unknown:
            raise DataError(
                f"a table has no column {unknown[0]!r}",
                found=f"{self.uri} at version {version}: {', '.join(schema.names)}"[:500],
                allowed="the table's own columns",
                remedy="correct the name, or read a version that has the column",
            )
        with store_errors(self.uri):
            try:
                rows = self._dataset(table, days).to_table(columns=[*wanted, DAY, DIGEST, POSITION])
            except FileNotFoundError as error:
                self._refuse_missing(version, str(error)[:1000])
        return in_order(rows)

    @staticmethod
    def snapshot_digest(partitions: Iterable[Partition]) -> str:
        """Return the digest over (day, content digest) of some days, in whatever order they come."""
        return digest_json(sorted([partition.day.isoformat(), partition.digest] for partition in partitions))

    def _dataset(self, table: DeltaTable, days: Collection[date] | None) -> ds.Dataset:
        """Return the data files of some days, in order.

        The log is read by Delta Lake, the files by Arrow: deltalake's own dataset first makes an expression of every
        column's statistics in every file, a second for two years of days.
        """
        if table.protocol().min_reader_version > 1:
            raise DataError(
                "a table's files no longer tell its rows by themselves",
                found=f"{self.uri}: {table.protocol()}",
                allowed="Delta reader version 1: no deletion vectors, no renamed columns",
                remedy="restore the table's last version that Evergreen wrote",
            )
        actions = pa.table(table.get_add_actions(flatten=True))
        paths = sorted(actions.column("path").to_pylist()) if actions.num_rows else []
        if days is not None:
            only = {day.isoformat() for day in days}
            paths = [path for path in paths if path[len(DAY) + 1 :].partition("/")[0] in only]
        places = ds.partitioning(pa.schema([(DAY, pa.string()), (DIGEST, pa.string())]), flavor="hive")
        schema = pa.schema(table.schema().to_arrow())
        folder = self._files.open_folder(self.uri)
        return ds.dataset(paths, schema=schema, format="parquet", filesystem=folder, partitioning=places)

    def _commit(
        self,
        table: DeltaTable | None,
        rows: pa.Table,
        changed: Collection[date],
        *,
        stay: bool,
        metadata: Mapping[str, str] | None,
    ) -> bool:
        """Replace the changed days in one commit; False when another writer was there first."""
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import CommitFailedError

        words = dict(metadata) if metadata else None
        if table is None:
            return self._create(typed(rows, None), words)
        schema = _row_schema(table)
        rows = typed(rows, schema if stay else None)
        with store_errors(self.uri):
            try:
                write_deltalake(
                    table,
                    rows,
                    mode="overwrite",
                    predicate=f"{DAY} IN ({', '.join(repr(day.isoformat()) for day in changed)})",
                    schema_mode=mode_for(rows, schema, stay=stay),
                    commit_properties=CommitProperties(custom_metadata=words),
                )
            except CommitFailedError:
                return False
        return True

    def _create(self, rows: pa.Table, words: dict[str, str] | None) -> bool:
        """Write the first version; False when another writer was there first.

        Left to itself, Delta Lake tries a lost creation again as an append: the day would be there twice.
        """
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import DeltaError

        with store_errors(self.uri):
            try:
                write_deltalake(
                    self.uri,
                    rows,
                    mode="error",
                    partition_by=[DAY, DIGEST],
                    configuration=CONFIGURATION,
                    storage_options=self._options,
                    commit_properties=CommitProperties(custom_metadata=words, max_commit_retries=0),
                )
            except DeltaError:
                if self._open() is None:
                    raise
                return False
        return True


def _crowded(uri: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        "other writers kept changing the same days",
        found=f"{MAX_ATTEMPTS} attempts at {uri}",
        allowed="one writer of a day at a time",
        remedy="run again when the other run has finished",
    )


def _without(rows: pa.Table | None, match: RowMatch) -> pa.Table:
    if rows is None:  # somebody has removed the day meanwhile
        return pa.table({})
    return rows.filter(pa.array(~match(rows)))


def _row_schema(table: DeltaTable) -> pa.Schema:
    schema = pa.schema(table.schema().to_arrow())
    return pa.schema([field for field in schema if field.name not in (DAY, DIGEST, POSITION)])


def _differing(digests: Mapping[date, str], found: Mapping[date, Partition]) -> list[date]:
    """Return the days that do not hold the content wanted; an empty digest wants no rows."""
    return [day for day, digest in digests.items() if digest != (found[day].digest if day in found else "")]


def _partitions(table: DeltaTable) -> dict[date, Partition]:
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return {}
    found: dict[date, Partition] = {}
    columns = (f"partition.{DAY}", f"partition.{DIGEST}", "num_records")
    for text, digest, rows in zip(*(actions.column(name).to_pylist() for name in columns), strict=True):
        day = date.fromisoformat(text)
        known = found.get(day, Partition(day, digest, 0))
        if known.digest != digest or rows is None:
            raise DataError(
                f"a table holds {day} in a way that this project does not write",
                found=f"{table.table_uri} at version {table.version()}: digests {known.digest} and {digest}, {rows} rows",
                allowed="one content digest per day, with row counts in the log",
                remedy="restore the table's last version that Evergreen wrote, or move the table away and run again",
            )
        found[day] = Partition(day, digest, known.rows + rows)
    return dict(sorted(found.items()))
