"""Our own database: SQLite or PostgreSQL, one transaction at a time; whoever comes first brings its tables up to date."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.pool import NullPool

from evergreen.digests import digest_bytes
from evergreen.errors import RegistryError, StoreUnavailableError
from evergreen.registry.schema import SCHEMA_VERSION, bring_up_to_date, stored_version
from evergreen.settings import shown_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_SECONDS = 30.0
"""How long a writer waits for the one before it on SQLite; a transaction of ours takes milliseconds."""

MOST_ATTEMPTS = 100
"""How often a write may lose its key to another one; each time the winner's rows are there to be seen."""

_SCHEMA_LOCK = 7_206_311_849
"""Key of PostgreSQL's advisory lock under which the tables are made; any fixed number."""

_Kept = TypeVar("_Kept")


class Database:
    """Transactions on one database.

    Every transaction has a connection of its own: tasks are forked, and a pooled connection would be shared by both sides.

    Args:
        url: SQLAlchemy URL; `sqlite:///…` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._engine = _open_engine(url)
        self._has_tables = False

    @property
    def address(self) -> str:
        """The URL without its password, fit for a message."""
        return shown_address(str(self._engine.url))

    @property
    def exists(self) -> bool:
        """False for an SQLite file that nobody has written yet."""
        path = _sqlite_path(self._engine)
        return path is None or path.is_file()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open one consistent view; on SQLite it waits for no writer.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        self._make_tables()
        with self._answering(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, turn: str = "") -> Iterator[Connection]:
        """Open a transaction that commits whole or not at all; on SQLite it takes the write lock at its first breath.

        Args:
            turn: Transactions of one name come one after the other, and each sees what those before it wrote: for rules that
                rest on more rows than they write. On SQLite every write is so.

        Raises:
            StoreUnavailableError: The database did not answer, or was busy for longer than `BUSY_TIMEOUT_SECONDS`.
        """
        self._make_tables()
        with self._answering(), _begin_to_write(self._engine) as connection:
            if turn and self._engine.dialect.name == "postgresql":
                _wait_for_turn(connection, _turn_key(turn))
            yield connection

    def write(self, work: Callable[[Connection], _Kept], *, turn: str = "") -> _Kept:
        """Do work in a transaction, and again in a new one where somebody else wrote its keys first.

        That happens on PostgreSQL, where looking locks nobody out. The work looks before it writes, so that the next time it
        finds the other's rows.

        Args:
            work: What to do; it may be called more than once.
            turn: As for `writing`.

        Raises:
            sqlalchemy.exc.IntegrityError: The work broke a rule of the database each time.
            StoreUnavailableError: The database did not answer.
        """
        for _ in range(MOST_ATTEMPTS - 1):
            try:
                with self.writing(turn=turn) as connection:
                    return work(connection)
            except IntegrityError:
                continue
        with self.writing(turn=turn) as connection:
            return work(connection)

    def _make_tables(self) -> None:
        if self._has_tables:
            return
        path = _sqlite_path(self._engine)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._answering():
            with self._engine.connect() as connection:
                version = stored_version(connection)
            if version is None or version < SCHEMA_VERSION:
                version = _bring_up_to_date_under_lock(self._engine)
        if version != SCHEMA_VERSION:
            raise RegistryError(
                "the database was made by a later version of Evergreen",
                found=f"schema version {version} in {self.address}",
                allowed=f"schema version {SCHEMA_VERSION}",
                remedy="run the version that made it or a later one, or point EVERGREEN_DATABASE_URL to another database",
            )
        self._has_tables = True

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, sqlite3.OperationalError) as error:
            cause = getattr(error, "orig", error)
            raise StoreUnavailableError(
                "the database did not answer",
                found=f"{self.address}: {str(cause).strip().splitlines()[0]}",
                allowed="a database that answers, with an account that may create and read its tables",
                remedy="check EVERGREEN_DATABASE_URL and that the server runs, then run again",
            ) from error


def _open_engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "postgresql":
        # One view from the first look to the last write; by default each statement would see what committed just before it.
        return engine.execution_options(isolation_level="REPEATABLE READ")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _sqlite_path(engine: Engine) -> Path | None:
    return Path(engine.url.database) if engine.dialect.name == "sqlite" and engine.url.database else None


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver would begin transactions lazily and in its own mode; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that first reads and then writes cannot wait for a writer in between: SQLite fails it at once.
    writes = connection.get_execution_options().get("evergreen_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _begin_to_write(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(evergreen_writes=True) as connection, connection.begin():
        yield connection


def _wait_for_turn(connection: Connection, key: int) -> None:
    """Take PostgreSQL's advisory lock `key` until the transaction ends; the transaction must be at its very beginning."""
    # Whoever waited for the lock must see what its holder wrote.
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _turn_key(turn: str) -> int:
    """Return a name as the signed 64-bit number that PostgreSQL's advisory locks go by."""
    return int(digest_bytes(turn.encode())[:16], 16) - 2**63


def _bring_up_to_date_under_lock(engine: Engine) -> int | None:
    """Make what is missing, unless somebody else has done it meanwhile; return the version that is there afterwards."""
    path = _sqlite_path(engine)
    if path is not None:
        _use_write_ahead_log(path)
    with _begin_to_write(engine) as connection:
        if engine.dialect.name == "postgresql":
            _wait_for_turn(connection, _SCHEMA_LOCK)
        bring_up_to_date(connection)
        return stored_version(connection)


def _use_write_ahead_log(path: Path) -> None:
    """Let readers read while somebody writes; the file remembers it.

    Changing the mode needs the file alone, and SQLite does not apply the busy timeout to that.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
