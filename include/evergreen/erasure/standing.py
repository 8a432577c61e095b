"""The erasures that stand, for whoever brings rows in: ingest and the shipping of answers leave out what matches."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.erasure.hashes import MAKE_A_KEY, ErasureHash
from evergreen.erasure.matching import Forgotten, Match
from evergreen.errors import SettingsError
from evergreen.registry.erasures import ErasureStore
from evergreen.tables.erased import ErasureNote
from evergreen.tables.erasing import erase_rows
from evergreen.tables.predictions import KEY
from evergreen.tables.served_columns import INPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.registry.erasures import Erasure
    from evergreen.settings import Settings
    from evergreen.tables.day_table import DayTable
    from evergreen.tables.served_table import ServedTable

SHORTEST_KEY = 16
"""Characters of a key for the first erasure: whoever guesses it can try values out."""


@dataclass(frozen=True)
class StandingErasures:
    """Everybody whom a model is to forget, as far as the registry knew when it was asked."""

    model: str
    erasures: tuple[Erasure, ...]
    who: Forgotten | None
    """None where there is nobody."""

    def without(self, rows: pa.Table, match: Match | None) -> pa.Table:
        """Return rows without those that match."""
        if match is None or not match.columns(rows.column_names):
            return rows
        return rows.filter(pa.array(~match(rows)))

    def of_source(self, definition: ModelDefinition, table: str) -> Match | None:
        """Return what is left out of a source table."""
        data = definition.data
        is_keyed = table in (data.rows, data.label.table)
        return Match(self.who, key_columns=data.tables[table].key if is_keyed else ()) if self.who else None

    def of_answers(self) -> Match | None:
        """Return what is left out of the gateway's answers."""
        return Match(self.who, key=KEY, inputs=INPUTS) if self.who else None

    def take_out(self, table: DayTable | ServedTable, match: Match | None, settings: Settings, files: Files) -> None:
        """Take out of a table what came in while an erasure began."""
        if match is not None and self.erasures:
            last = self.erasures[-1]
            note = ErasureNote(erasure_id=last.id, erased_at=last.begun_at, actor=last.actor)
            erase_rows(table, match, note, files, turn=lambda: ErasureStore(settings.database_url).turn(self.model))


def standing_erasures(settings: Settings, model: str) -> StandingErasures:
    """Return the erasures of a model that stand now.

    Raises:
        SettingsError: There are some, and `EVERGREEN_HASH_KEY` is not the one they were made with: who they are about cannot
            be told, and their rows would come back.
        StoreUnavailableError: The database did not answer.
    """
    found = tuple(ErasureStore(settings.database_url).of_model(model))
    if not found:
        return StandingErasures(model, (), None)
    return StandingErasures(model, found, Forgotten.of(found, hasher_of(settings, model, found)))


def hasher_of(settings: Settings, model: str, erasures: Sequence[Erasure]) -> ErasureHash:
    """Return the hash that a model's erasures are made with.

    Raises:
        SettingsError: There is no secret, or another than theirs.
    """
    if erasures and not settings.hash_key:
        raise SettingsError(
            "what is erased is remembered by a keyed hash, and there is no key to hash it with",
            found=f"EVERGREEN_HASH_KEY is not set, {_counted(erasures)} made with one",
            allowed="the key that was set when they were erased, in every process that takes rows in or ships answers",
            remedy="set EVERGREEN_HASH_KEY to the key it was erased with and restart what ran without it; no new key will do",
        )
    hasher = ErasureHash(settings.hash_key, model)
    others = [erasure for erasure in erasures if erasure.hash_key_id != hasher.key_id]
    if others:
        raise SettingsError(
            "rows that were erased cannot be told from others: EVERGREEN_HASH_KEY is another one than then",
            found=f"{_counted(others)} under another key, the first of {others[0].begun_at:%Y-%m-%d}",
            allowed="the key that was set when they were erased, in every process that takes rows in or ships answers",
            remedy="set EVERGREEN_HASH_KEY to that key; without it, what was erased would come back with the next delivery",
        )
    return hasher


def hasher_to_begin_with(
    settings: Settings, definition: ModelDefinition, own: Sequence[Erasure], *, confirmed: bool
) -> ErasureHash:
    """Return the hash to look for somebody with and, when it is confirmed, to remember them by.

    Nothing is remembered of a mere look. Where nothing was hashed before either, it does without the key.

    Args:
        settings: Where the registry is, and the key.
        definition: The model.
        own: Its erasures so far.
        confirmed: Whether rows are going to be erased.

    Raises:
        SettingsError: There is no key, another than earlier erasures were made with, or one that can be guessed.
    """
    # A process has one key for all models; a model's own erasures decide where those of others were made with another.
    known = own or ErasureStore(settings.database_url).of_every_model()
    if not (confirmed or known or settings.hash_key or definition.serving.personal.hash):
        return ErasureHash(secrets.token_hex(SHORTEST_KEY), definition.name)
    if not known and 0 < len(settings.hash_key) < SHORTEST_KEY:
        raise SettingsError(
            "what is erased is remembered by a keyed hash, and the key is too short: who guesses it can try values out",
            found=f"EVERGREEN_HASH_KEY has {len(settings.hash_key)} character{'s' if len(settings.hash_key) > 1 else ''}",
            allowed=f"{SHORTEST_KEY} characters or more, at random",
            remedy=f"`{MAKE_A_KEY}` and keep it; fields that were hashed under the old key match no later ones",
        )
    return hasher_of(settings, definition.name, known)


def _counted(erasures: Sequence[Erasure]) -> str:
    """Return how many there are, and of which models."""
    models = sorted({erasure.model for erasure in erasures})
    more = f" and {len(models) - 5} more" if len(models) > 5 else ""
    return f"{len(erasures)} erasure{'' if len(erasures) == 1 else 's'} of {', '.join(models[:5])}{more}"
