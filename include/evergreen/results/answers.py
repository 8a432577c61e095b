"""What scoring and the preparation of the gateway hand on."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime

from evergreen.results.result import Result


class ScoredDay(Result):
    """One day of predictions."""

    model: str
    day: date
    release_version: str
    bundle_digest: str
    uri: str
    table_version: int
    rows: int
    digest: str
    written: bool
    """False when these very predictions were what the day said last."""
    caught_up: tuple[date, ...] = ()
    """Earlier days that nobody had scored, scored in the same night."""
    copied_to: str = ""
    """The database and table that hold the answers as well; empty where the definition names none."""


class Materialized(Result):
    """Online inputs of one release at one night, as the gateway will read them."""

    model: str
    release_version: str
    features_key: str
    """Which features they are for; releases of the same code and layout share them."""
    as_of: AwareDatetime
    """The night of the entity features."""
    uri: str
    digest: str
    entity_rows: dict[str, int]
    """Rows of each entity frame."""
    joined_rows: dict[str, int]
    """Rows kept of each joined table: those that a moment of prediction may find."""
    compared_rows: int
    """Rows of the night whose features came out alike, asked for as a request and built as a batch."""
    published: bool
    """False when these very inputs were what the night said already."""
