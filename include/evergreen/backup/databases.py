"""Databases, copied in one moment while others write, and brought back where none is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy.engine import URL, make_url

from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.registry.database import BUSY_TIMEOUT_SECONDS
from evergreen.settings import shown_address

if TYPE_CHECKING:
    from evergreen.settings import Settings

_PAGES_AT_ONCE = 4096
"""Of some 4 KiB each; between two portions SQLite lets writers go on."""


class DatabaseAddress(NamedTuple):
    """A database to copy or to bring back."""

    name: str
    url: URL

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two kinds it is."""
        return "sqlite" if self.url.get_backend_name() == "sqlite" else "postgresql"

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(self.url.database or "")

    @property
    def text(self) -> str:
        """The address without its password."""
        return shown_address(self.url.render_as_string(hide_password=False))


def databases_of(settings: Settings, mlflow_database: str = "") -> list[DatabaseAddress]:
    """Return the databases of an installation: the registry's first, for MLflow must know every version that it names.

    Args:
        settings: Where things are.
        mlflow_database: SQLAlchemy URL of MLflow's database, where MLflow is asked through a server.

    Raises:
        RequestError: A server keeps MLflow's database, and nobody said where.
    """
    tracking = mlflow_database or settings.mlflow_tracking_uri
    if tracking.startswith(("http://", "https://")):
        raise RequestError(
            "MLflow's database is behind a server",
            found=f"EVERGREEN_MLFLOW_TRACKING_URI={shown_address(tracking)}",
            allowed="the address of the database that the server uses (its --backend-store-uri)",
            remedy="add --mlflow-database URL; docs/guides/operations.md says what becomes of a server's artifacts",
        )
    found = [DatabaseAddress("registry", _with_our_driver(settings.database_url))]
    if _with_our_driver(tracking) != found[0].url:  # one PostgreSQL database for both is one dump
        found.append(DatabaseAddress("mlflow", _with_our_driver(tracking)))
    for each in found:
        if each.url.get_backend_name() not in ("sqlite", "postgresql"):
            raise RequestError(
                "a database of this kind is not copied here",
                found=f"{each.name}: {each.text}",
                allowed="sqlite:///… or postgresql://…",
                remedy="copy it by its own means",
            )
    return found


def _with_our_driver(url: str) -> URL:
    """Return an address with the driver that is installed here: a server's own address may name another."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed


def exists(database: DatabaseAddress) -> bool:
    """Return whether there is anything: an SQLite file, or a PostgreSQL database with tables.

    Raises:
        StoreUnavailableError: PostgreSQL did not answer.
    """
    if database.kind == "sqlite":
        return database.path.is_file()
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import OperationalError
    from sqlalchemy.pool import NullPool

    try:
        # Several things may share one database; each has a table that nobody else has.
        mark = {"registry": "evergreen_schema", "mlflow": "registered_models"}[database.name]
        return mark in inspect(create_engine(database.url, poolclass=NullPool)).get_table_names()
    except OperationalError as error:
        raise _no_answer(database, str(error.orig)) from error


def copy_database(database: DatabaseAddress, target: Path) -> None:
    """Copy a database as it is at one moment; its writers are not kept waiting for longer than a portion takes.

    Raises:
        StoreUnavailableError: It did not answer, or was never quiet for long enough.
        RequestError: PostgreSQL's programs are not installed.
    """
    if database.kind == "postgresql":
        _run(database, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
        return
    with closing(_open_sqlite(database)) as source, closing(sqlite3.connect(target)) as copy:
        try:
            source.backup(copy, pages=_PAGES_AT_ONCE)
            problem = copy.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.Error as error:
            raise _no_answer(database, str(error)) from error
    if problem != "ok":
        raise _no_answer(database, f"the copy is not whole: {problem}")


def schema_version(database: DatabaseAddress) -> int | None:
    """Return the version of the registry's tables, None where there are none."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    from evergreen.registry.schema import stored_version

    with create_engine(database.url, poolclass=NullPool).connect() as connection:
        return stored_version(connection)


def bring_back_postgresql(database: DatabaseAddress, dump: Path) -> None:
    """Fill an empty PostgreSQL database from a dump, whole or not at all.

    Raises:
        StoreUnavailableError: It did not answer, or refused.
        RequestError: PostgreSQL's programs are not installed.
    """
    _run(database, "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(dump))


def _open_sqlite(database: DatabaseAddress) -> sqlite3.Connection:
    # Read-only for everything but the write-ahead log's own files, which a reader of such a database needs.
    return sqlite3.connect(f"file:{database.path}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_SECONDS)


def _run(database: DatabaseAddress, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password goes through its environment, where no other user can read it."""
    found = shutil.which(program)
    if found is None:
        raise RequestError(
            f"{program} is not installed",
            found=f"{database.name}: {database.text}",
            allowed="PostgreSQL's client programs, of the server's version or a later one",
            remedy="install them (Debian: postgresql-client), or leave the database to your own backups",
        )
    url = database.url
    where = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    environment = os.environ | {name: str(value) for name, value in where.items() if value is not None}
    done = subprocess.run(
        [found, f"--dbname={url.database or ''}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _no_answer(database, done.stderr.strip()[-500:])


def _no_answer(database: DatabaseAddress, found: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        "a database could not be copied or brought back",
        found=f"{database.name} at {database.text}: {found}",
        allowed="a database that answers, and for a restore an empty one",
        remedy="check its address and that its server runs, then run again",
    )
