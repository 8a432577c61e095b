"""The table `served`: the gateway's answers as they were given, appended and never changed.

A Delta Lake table like the tables of days, but for two things. A day grows while it is answered, so its rows carry no digest of
their own: how many there are tells whether something came in. And what comes in is named, by where it comes from and a
number that only grows, in the same commit as the rows: a second attempt finds its number and adds nothing.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.dataset as ds

from evergreen.errors import StoreUnavailableError
from evergreen.files import is_s3, sync_to_disk
from evergreen.tables.day_rows import DAY
from evergreen.tables.predictions import ANSWERED_AT
from evergreen.tables.served_columns import ROLLOUT
from evergreen.tables.store_errors import store_errors
from evergreen.tables.versioned_table import CONFIGURATION, MAX_ATTEMPTS, VersionedTable, missing_version

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from deltalake import DeltaTable

    from evergreen.tables.row_search import RowMatch

COMPACTED_FROM = 48
"""Files of one day from which they are put together."""
_LOOKED_BACK = 100
"""Versions that are brought to the disk once more where an earlier attempt had no time to."""


class ServedTable(VersionedTable):
    """Answers by day at a local path or `s3://bucket/prefix`; nothing need exist before the first append."""

    def rows_by_day(self, version: int | None = None) -> dict[date, int]:
        """Return how many rows each day has at a version (default: the newest); reads the log alone."""
        table = self._open(version)
        found: Counter[date] = Counter()
        for each in [] if table is None else _files_of(table):
            found[date.fromisoformat(each.day)] += each.rows
        return dict(sorted(found.items()))

    def columns(self, version: int) -> dict[str, pa.DataType]:
        """Return the columns of a version and their types, `_day` left out."""
        table = self._open(version)
        schema = pa.schema(table.schema().to_arrow()) if table is not None else pa.schema([])
        return {field.name: field.type for field in schema if field.name != DAY}

    def read(self, version: int, days: Collection[date], columns: Sequence[str]) -> pa.Table:
        """Return some columns of some days, with `_day` (date32), in no particular order.

        A column that the table has not is left out.

        Raises:
            DataError: The version or one of its files is gone.
            StoreUnavailableError: The store did not answer.
        """
        table = self._open(version)
        if table is None:
            raise missing_version(self.uri, version, "no table")
        only = {day.isoformat() for day in days}
        rows = self._scan(table, version, [each.path for each in _files_of(table) if each.day in only], [*columns, DAY])
        return rows.set_column(rows.schema.get_field_index(DAY), DAY, rows.column(DAY).cast(pa.string()).cast(pa.date32()))

    def read_rollout(self, version: int, rollout_id: str, columns: Sequence[str], *, since: datetime) -> pa.Table:
        """Return some columns of the records of one rollout, in no particular order.

        Args:
            version: The version to read.
            rollout_id: Whose records.
            columns: Those wanted; one that the table has not is left out.
            since: Files all of whose answers are older are not opened.

        Raises:
            DataError: The version or one of its files is gone.
            StoreUnavailableError: The store did not answer.
        """
        table = self._open(version)
        if table is None:
            raise missing_version(self.uri, version, "no table")
        paths = [each.path for each in _files_of(table) if each.newest is None or each.newest >= since]
        return self._scan(table, version, paths, columns, only=(ROLLOUT, rollout_id))

    def shipped(self, sender: str) -> int:
        """Return the number of the last delivery of a sender; 0 before its first."""
        table = self._open()
        return 0 if table is None else _delivered(table, sender)

    def append(self, rows: pa.Table, *, sender: str, number: int) -> bool:
        """Add rows once; False when this delivery is in the table already.

        When it returns the rows are on the disk, where that is local: the sender may delete its own.

        Args:
            rows: With `_day` as ISO text.
            sender: Who delivers.
            number: Larger than that of its last delivery.

        Raises:
            StoreUnavailableError: The store did not answer, or other writers kept coming in between.
        """
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import DeltaError

        delivery = [Transaction(sender, number)]
        for attempt in range(MAX_ATTEMPTS):
            table = self._open()
            before = -1 if table is None else int(table.version())
            if table is not None and _delivered(table, sender) >= number:
                self._bring_to_disk(before - _LOOKED_BACK)
                return False
            with store_errors(self.uri):
                try:
                    write_deltalake(
                        self.uri if table is None else table,
                        rows,
                        # A lost creation must fail: as an append it would be tried again, and the rows be there twice.
                        mode="error" if table is None else "append",
                        schema_mode=None if table is None else "merge",
                        partition_by=[DAY],
                        configuration=CONFIGURATION if table is None else None,
                        storage_options=self._options,
                        # Left to itself, Delta Lake tries again without looking whether the delivery is there by now.
                        commit_properties=CommitProperties(app_transactions=delivery, max_commit_retries=0),
                    )
                except DeltaError:
                    if self.version() in (None, before):  # nobody came in between: it is not that
                        raise
                else:
                    self._bring_to_disk(before)
                    return True
            time.sleep(random.uniform(0.02, 0.1) * min(attempt + 1, 5))  # writers that met once should not meet again
        raise _crowded(self.uri)

    def leave_out(self, day: date, match: RowMatch) -> None:
        """Write a day again without some of its rows; earlier versions keep them, and so do senders their numbers.

        Raises:
            StoreUnavailableError: The store did not answer, or other writers kept coming in between.
        """
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import DeltaError

        for attempt in range(MAX_ATTEMPTS):
            table = self._open()
            if table is None:
                return
            before = int(table.version())
            names = [field.name for field in pa.schema(table.schema().to_arrow())]
            rows = self._scan(table, before, [each.path for each in _files_of(table) if each.day == day.isoformat()], names)
            with store_errors(self.uri):
                try:
                    write_deltalake(
                        table,
                        rows.filter(pa.array(~match(rows))),
                        mode="overwrite",
                        predicate=f"{DAY} = '{day.isoformat()}'",
                        # Left to itself, Delta Lake would put what it has read over what has come since.
                        commit_properties=CommitProperties(max_commit_retries=0),
                    )
                except DeltaError:
                    if self.version() == before:  # nobody came in between: it is not that
                        raise
                else:
                    self._bring_to_disk(before)
                    return
            time.sleep(random.uniform(0.02, 0.1) * min(attempt + 1, 5))
        raise _crowded(self.uri)

    def compact(self) -> date | None:
        """Put the files of the day with the most of them together, if they are many; return that day.

        Raises:
            StoreUnavailableError: The store did not answer.
        """
        from deltalake.exceptions import DeltaError

        table = self._open()
        counted = Counter(each.day for each in _files_of(table)) if table is not None else Counter()
        day, files = max(counted.items(), key=lambda each: (each[1], each[0]), default=("", 0))
        if table is None or files < COMPACTED_FROM:
            return None
        before = int(table.version())
        with store_errors(self.uri):
            try:
                table.optimize.compact(partition_filters=[(DAY, "=", day)])
            except DeltaError:  # somebody else did it, or is about to
                return None
        self._bring_to_disk(before)
        return date.fromisoformat(day)

    def _scan(
        self,
        table: DeltaTable,
        version: int,
        paths: Sequence[str],
        columns: Sequence[str],
        *,
        only: tuple[str, str] | None = None,
    ) -> pa.Table:
        """Read columns of some files; `only` names a column of text and the value that rows must have in it."""
        schema = pa.schema(table.schema().to_arrow())
        wanted = [name for name in columns if name in schema.names]
        if only is not None and only[0] not in schema.names:  # written before there was such a column
            paths, only = [], None
        places = ds.partitioning(pa.schema([(DAY, pa.string())]), flavor="hive")
        folder = self._files.open_folder(self.uri)
        data = ds.dataset(sorted(paths), schema=schema, format="parquet", filesystem=folder, partitioning=places)
        with store_errors(self.uri):
            try:
                return data.to_table(columns=wanted, filter=None if only is None else ds.field(only[0]) == only[1])
            except FileNotFoundError as error:
                self._refuse_missing(version, str(error)[:1000])

    def _bring_to_disk(self, after: int) -> None:
        """Sync what the versions after one have added; Delta Lake leaves that to the operating system."""
        newest = self.version()
        if is_s3(self.uri) or newest is None:
            return
        root = Path(self.uri)
        written: set[Path] = set()
        for version in range(max(after, -1) + 1, newest + 1):
            log = root / "_delta_log" / f"{version:020d}.json"
            actions = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
            written |= {log, *(root / unquote(action["add"]["path"]) for action in actions if "add" in action)}
        for path in [*sorted(written), *sorted({path.parent for path in written}), root]:
            with suppress(FileNotFoundError):  # rows that were erased meanwhile need no disk
                sync_to_disk(path)


def _crowded(uri: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        "other writers kept changing the table of answers",
        found=f"{MAX_ATTEMPTS} attempts at {uri}",
        allowed="a few writers at a time",
        remedy="nothing is lost: the next attempt goes on",
    )


def _delivered(table: DeltaTable, sender: str) -> int:
    return int(table.transaction_version(sender) or 0)


class _TableFile(NamedTuple):
    """One file of the table, as the log describes it."""

    day: str
    rows: int
    path: str
    newest: datetime | None
    """When the last of its answers was given; None where the log does not say."""


def _files_of(table: DeltaTable) -> list[_TableFile]:
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    newest = f"max.{ANSWERED_AT}"
    unknown = [None] * actions.num_rows
    columns = [actions.column(name).to_pylist() for name in (f"partition.{DAY}", "num_records", "path")]
    columns.append(actions.column(newest).to_pylist() if newest in actions.column_names else unknown)
    return list(map(_TableFile, *columns))
