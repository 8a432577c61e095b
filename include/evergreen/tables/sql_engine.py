"""Databases that are not ours: how they are reached, and what is said when they cannot be."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from evergreen.errors import DataError, SettingsError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine


class SqlAddress(Protocol):
    """Whatever of a definition says where a database is: one of the two."""

    @property
    def url(self) -> str | None:
        """SQLAlchemy URL."""
        ...

    @property
    def connection(self) -> str | None:
        """Airflow connection id."""
        ...


def open_engine(address: SqlAddress, resolve_connection: Callable[[str], str] | None) -> Engine:
    """Return an engine that keeps no connection open.

    Args:
        address: Where the database is.
        resolve_connection: Turns a connection id into a SQLAlchemy URL; none outside Airflow.

    Raises:
        SettingsError: There is no such connection or driver.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    url = address.url
    if address.connection is not None:
        if resolve_connection is None:
            raise SettingsError(
                f"connection {address.connection!r} cannot be looked up here",
                found="a run outside Airflow",
                allowed="a run in Airflow, which knows its connections",
                remedy="run the DAG in Airflow, or give a `url` in place of the connection",
            )
        url = resolve_connection(address.connection)
    try:
        return create_engine(url or "", poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            "a database address cannot be used",
            found=type(error).__name__ + ("" if address.url is None else f": {address.url}"),
            allowed="a SQLAlchemy URL whose driver is installed, such as postgresql+psycopg2://host/database",
            remedy="correct the `url` or the Airflow connection, or install the driver",
        ) from error


@contextmanager
def database_errors(where: str, refused: Callable[[str], DataError]) -> Iterator[None]:
    """Tell a database that does not answer from one that says no.

    Args:
        where: What was asked of which database, without its password.
        refused: What to raise of a statement that the database will never take, given its own words.

    Raises:
        StoreUnavailableError: It did not answer; asking again may help.
    """
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    try:
        yield
    except DBAPIError as error:
        # SQLite calls a missing table an operational error too; asking again will not make the table.
        unreachable = error.connection_invalidated or isinstance(error, InterfaceError | OperationalError)
        text = str(error.orig)[:500]
        if unreachable and not any(word in text for word in ("no such", "no column", "syntax")):
            raise StoreUnavailableError(
                "a database did not answer",
                found=f"{where}: {text}",
                allowed="a database that can be reached with these credentials",
                remedy="check the address and the network, then run again",
            ) from error
        raise refused(text) from error
