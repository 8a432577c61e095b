"""Which online inputs are the newest: one row per publication, never changed; the gateway looks here every second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import AwareDatetime
from sqlalchemy import func, insert, select

from evergreen.registry.database import Database
from evergreen.registry.schema import online_versions
from evergreen.results import Result

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

_NEWEST_FIRST = (online_versions.c.as_of.desc(), online_versions.c.revision.desc())


class OnlineInputsVersion(Result):
    """What one publication is."""

    model: str
    features_key: str
    """Which features these inputs are for: `features.inputs.release_key` of the release's layout and code."""
    as_of: AwareDatetime
    """The night of the entity features."""
    uri: str
    """The folder."""
    digest: str
    """Digest of its manifest."""
    published_at: AwareDatetime
    revision: int = 1
    """Of its night: 1 is the first, the largest counts. Given when it is published."""


class OnlineVersionStore:
    """The published online inputs of one database.

    Args:
        database_url: SQLAlchemy URL, `settings.database_url`.
    """

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)

    def publish(self, version: OnlineInputsVersion) -> bool:
        """Add a publication, unless it is what its night says already.

        Inputs that were corrected and corrected back are published again. An older night never replaces a newer one.

        Returns:
            Whether it was added.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        return self._database.write(lambda connection: _publish(connection, version))

    def newest(self, model: str, features_key: str) -> OnlineInputsVersion | None:
        """Return the publication of the newest night for some features, None before the first.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        ours = (online_versions.c.model == model, online_versions.c.features_key == features_key)
        query = select(online_versions).where(*ours).order_by(*_NEWEST_FIRST).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else OnlineInputsVersion.model_validate(dict(row))

    def newest_all(self) -> list[OnlineInputsVersion]:
        """Return the newest publication of every model and every kind of features, by model and key; one query.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        group = (online_versions.c.model, online_versions.c.features_key)
        place = func.row_number().over(partition_by=group, order_by=_NEWEST_FIRST).label("place")
        placed = select(online_versions, place).subquery()
        columns = [placed.c[column.name] for column in online_versions.columns]
        query = select(*columns).where(placed.c.place == 1).order_by(placed.c.model, placed.c.features_key)
        with self._database.reading() as connection:
            return [OnlineInputsVersion.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def _publish(connection: Connection, version: OnlineInputsVersion) -> bool:
    said = _last(connection, version.model, version.features_key, version.as_of)
    if said is not None and said.digest == version.digest:
        return False
    revision = said.revision + 1 if said is not None else 1
    connection.execute(insert(online_versions).values({**version.model_dump(), "revision": revision}))
    return True


def _last(connection: Connection, model: str, features_key: str, as_of: datetime) -> OnlineInputsVersion | None:
    ours = (
        online_versions.c.model == model,
        online_versions.c.features_key == features_key,
        online_versions.c.as_of == as_of,
    )
    query = select(online_versions).where(*ours).order_by(online_versions.c.revision.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else OnlineInputsVersion.model_validate(dict(row))
