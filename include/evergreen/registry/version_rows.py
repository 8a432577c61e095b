"""The versions Evergreen registered: number, bytes, decision, and what they were trained on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from evergreen.errors import RegistryError
from evergreen.registry.schema import releases, versions
from evergreen.results import ChampionVersion

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


def find_version(connection: Connection, model: str, version: str) -> ChampionVersion | None:
    """Return a registered version, None when there is none."""
    query = select(versions).where(versions.c.model == model, versions.c.version == version)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _from_row(row)


def list_versions(connection: Connection, model: str, *, decision_id: str | None = None) -> list[ChampionVersion]:
    """Return a model's versions, newest first; only those of one decision when it is named."""
    query = select(versions).where(versions.c.model == model).order_by(versions.c.registered_at.desc())
    if decision_id is not None:
        query = query.where(versions.c.decision_id == decision_id)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def list_champions(connection: Connection) -> list[ChampionVersion]:
    """Return the version that each model's last move made its champion, by name."""
    newest = select(releases.c.model, func.max(releases.c.generation).label("generation")).group_by(releases.c.model).subquery()
    query = (
        select(versions)
        .join(releases, (releases.c.model == versions.c.model) & (releases.c.version == versions.c.version))
        .join(newest, (newest.c.model == releases.c.model) & (newest.c.generation == releases.c.generation))
        .order_by(versions.c.model)
    )
    return [_from_row(row) for row in connection.execute(query).mappings()]


def add_version(connection: Connection, version: ChampionVersion) -> None:
    """Add a version; the very same one may be added again.

    Raises:
        RegistryError: The number is taken by other bytes.
    """
    kept = find_version(connection, version.model, version.version)
    if kept is None:
        connection.execute(insert(versions).values(version.model_dump() | {"registered_at": datetime.now(UTC)}))
        return
    if (kept.bundle_digest, kept.decision_id) != (version.bundle_digest, version.decision_id):
        raise RegistryError(
            "a version number is taken",
            found=f"version {version.version} of {version.model} is bundle {kept.bundle_digest} already",
            allowed="a new number for new bytes: MLflow never gives one out twice unless its registry was emptied",
            remedy="restore MLflow's database, or register under another model name",
        )


def _from_row(row: RowMapping) -> ChampionVersion:
    return ChampionVersion.model_validate({name: row[name] for name in ChampionVersion.model_fields})
