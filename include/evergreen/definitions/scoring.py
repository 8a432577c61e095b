"""Section `scoring`: where a night's answers go besides the table `predictions`."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from evergreen.definitions.sql_address import SqlAddress
from evergreen.definitions.words import Section

SqlTableName = Annotated[
    str,
    StringConstraints(pattern=r"^([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,62}$"),
    "a table name of lower-case letters, digits and _, with its schema before a dot or without one",
]


class SqlTarget(SqlAddress):
    """A table of a database. It is made where it is missing; several models may share one."""

    table: SqlTableName
    """The table, such as `flight_predictions` or `ml.flight_predictions`."""


class Scoring(Section):
    """Where a night's answers go besides the table `predictions`."""

    sql: SqlTarget | None = None
    """What was said last of each scored day, for programs that read a database; none: nothing is written there."""
