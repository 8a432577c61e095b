"""The erasures that stand, for whoever brings rows in: ingest and the shipping of answers leave out what matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.erasure.hashes import ErasureHash
from evergreen.erasure.matching import Forgotten, Match
from evergreen.errors import SettingsError
from evergreen.registry.erasures import ErasureStore
from evergreen.tables.erased import ErasureNote
from evergreen.tables.erasing import erase_rows
from evergreen.tables.predictions import KEY
from evergreen.tables.served_columns import INPUTS

if TYPE_CHECKING:
    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.registry.erasures import Erasure
    from evergreen.settings import Settings
    from evergreen.tables.day_table import DayTable
    from evergreen.tables.served_table import ServedTable


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


def hasher_of(settings: Settings, model: str, erasures: tuple[Erasure, ...]) -> ErasureHash:
    """Return the hash that a model's erasures are made with.

    Raises:
        SettingsError: There is no secret, or another than theirs.
    """
    hasher = ErasureHash(settings.hash_key, model)
    others = [erasure for erasure in erasures if erasure.hash_key_id != hasher.key_id]
    if others:
        raise SettingsError(
            "rows that were erased cannot be told from others: EVERGREEN_HASH_KEY is another one than then",
            found=f"{len(others)} erasures of {model} under another key, the first of {others[0].begun_at:%Y-%m-%d}",
            allowed="the key that was set when they were erased, in every process that takes rows in or ships answers",
            remedy="set EVERGREEN_HASH_KEY to that key; without it, what was erased would come back with the next delivery",
        )
    return hasher
