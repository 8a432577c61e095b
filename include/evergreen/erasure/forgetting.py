"""Forget a person or a thing: find its rows, write down that they go, take them out, look again, write down what came of it.

The record that an erasure has begun comes first: from then on nothing that matches comes in. Every step that follows finds
what is there and does what is left to be done, so that a run that was killed is simply begun again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.erasure.judged_rows import erase_judged
from evergreen.erasure.lost import lost_by
from evergreen.erasure.matching import Forgotten
from evergreen.erasure.online import erase_publication, remove_publication
from evergreen.erasure.outside import remarks_on
from evergreen.erasure.places import row_keys_in
from evergreen.erasure.search import Findings, Search, places_of, search_everywhere
from evergreen.erasure.selection import check_selection, contracts_of, named_row_keys, value_hashes
from evergreen.erasure.standing import hasher_of, hasher_to_begin_with
from evergreen.errors import RequestError, StoreUnavailableError
from evergreen.files import Files
from evergreen.registry.erasures import Erasure, ErasureStep, ErasureStore
from evergreen.tables.erased import ErasureNote
from evergreen.tables.erasing import erase_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.definitions import ModelDefinition
    from evergreen.erasure.selection import Selection
    from evergreen.registry.erasures import ErasedPlace
    from evergreen.settings import Settings

ROUNDS = 3
"""How often what others bring meanwhile is looked for again."""


@dataclass(frozen=True)
class Report:
    """What was found, and what came of it."""

    erasure: Erasure
    places: tuple[ErasedPlace, ...]
    findings: Findings
    remarks: tuple[str, ...]
    """What the command does not reach, in sentences."""
    lost: tuple[str, ...] = ()
    """What can no longer be read or computed again."""
    waiting: int = 0
    """Files that may be a writer's who has not committed yet: they go with the next run of the command."""
    earlier: Erasure | None = None
    """The same erasure, where it was begun before."""
    done: bool = False
    by_standing_key: bool = True
    """False for a look without a hash key: the erasure's identifier holds for that look alone."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left that the command can erase."""
        return self.done and not self.waiting


def forget(
    definition: ModelDefinition,
    settings: Settings,
    selection: Selection,
    *,
    confirmed: bool,
    actor: str,
    reason: str = "",
    progress: Callable[[str], None] = lambda words: None,
) -> Report:
    """Find what is kept about a person or a thing and, when it is confirmed, erase it.

    Args:
        definition: The model.
        settings: Where things are.
        selection: Columns and values that tell whose rows.
        confirmed: Erase; else only look.
        actor: Who wants it; kept.
        reason: Why; kept. It must name nobody.
        progress: Told what is going on.

    Raises:
        SettingsError: There is no hash key, one that can be guessed, or another than earlier erasures were made with.
        RequestError: No table has the columns, a value is none of its column's type, or nothing matches.
        DataError: A table is not as this project writes it.
        StoreUnavailableError: A store did not answer, or writers kept bringing such rows; running it again goes on.
    """
    store = ErasureStore(settings.database_url)
    known = tuple(store.of_model(definition.name))
    contracts = contracts_of(definition, settings)
    check_selection(selection, contracts)
    hasher = hasher_to_begin_with(settings, definition, known, confirmed=confirmed)
    wanted = Erasure(
        model=definition.name,
        columns=selection.columns,
        hashes=tuple(sorted(value_hashes(selection, definition, contracts, hasher))),
        hash_key_id=hasher.key_id,
        actor=actor,
        reason=reason,
        begun_at=datetime.now(UTC),
    )
    earlier = next((each for each in known if each.id == wanted.id), None)
    files, who = Files.from_settings(settings), Forgotten.of([wanted], hasher)
    search = Search(definition, settings, contracts, who, selection.texts, files, progress)
    keys = _row_keys(search, set(named_row_keys(selection, definition, contracts)))
    wanted = wanted.model_copy(update={"row_keys": keys | (earlier.row_keys if earlier else frozenset())})
    search = replace(search, who=Forgotten.of([wanted], hasher))
    findings = search_everywhere(search)
    if findings.is_empty and earlier is None:
        raise _nothing_matches(definition, selection, findings)
    if not confirmed:
        remarks = remarks_on(definition, settings, findings, search.texts)
        by_standing_key = bool(settings.hash_key)
        return Report(wanted, findings.places(done=False), findings, remarks, earlier=earlier, by_standing_key=by_standing_key)
    return replace(_carry_out(search, findings, store.begin(wanted), actor), earlier=earlier)


def forget_again(
    definition: ModelDefinition, settings: Settings, *, actor: str, progress: Callable[[str], None] = lambda words: None
) -> list[Report]:
    """Go over every erasure of a model once more: after a restore, or when a run was under way while rows were erased.

    Only hashes are known of whom they are about, so pages and results are not searched for values.

    Args:
        definition: The model.
        settings: Where things are.
        actor: Who wants it; kept.
        progress: Told what is going on.

    Raises:
        SettingsError: The hash key is not the one they were made with.
        DataError: A table is not as this project writes it.
        StoreUnavailableError: A store did not answer, or writers kept bringing such rows; running it again goes on.
    """
    store = ErasureStore(settings.database_url)
    known = tuple(store.of_model(definition.name))
    reports = []
    for erasure in known:
        hasher = hasher_of(settings, definition.name, known)
        who, files = Forgotten.of([erasure], hasher), Files.from_settings(settings)
        search = Search(definition, settings, contracts_of(definition, settings), who, (), files, progress)
        more = erasure.model_copy(update={"row_keys": erasure.row_keys | _row_keys(search, set())})
        search = replace(search, who=Forgotten.of([more], hasher))
        reports.append(replace(_carry_out(search, search_everywhere(search), store.begin(more), actor), earlier=erasure))
    return reports


def _carry_out(search: Search, findings: Findings, erasure: Erasure, actor: str) -> Report:
    store = ErasureStore(search.settings.database_url)
    remarks = remarks_on(search.definition, search.settings, findings, search.texts)
    places = findings.places(done=True)
    # What was found stands in the record even if this is killed: another attempt finds less.
    _record(store, Report(erasure, places, findings, remarks), actor)
    waiting = _erase(search, findings, erasure, store)
    lost = lost_by(erasure.id, erasure.model, search.settings, search.files)
    report = Report(erasure, places, findings, remarks, lost, waiting, done=True)
    _record(store, report, actor)
    return report


def _record(store: ErasureStore, report: Report, actor: str) -> None:
    store.note(
        ErasureStep(
            erasure_id=report.erasure.id,
            complete=report.complete,
            places=report.places,
            lost=report.lost,
            actor=actor,
            noted_at=datetime.now(UTC),
        )
    )


def _row_keys(search: Search, named: set[str]) -> frozenset[str]:
    """Return the hashes of the keys of all rows that match by their values: plain, and as the gateway's log hashes them."""
    hasher, keys = search.who.hasher, set(named)
    for place in places_of(search):
        search.progress(f"looking for keys in tables/{place.name}")
        keys |= row_keys_in(place, search.files)
    return frozenset(hasher.of_row_key(way) for key in keys for way in (key, hasher.of_personal_field(key)))


def _erase(search: Search, findings: Findings, erasure: Erasure, store: ErasureStore) -> int:
    """Take everything out, until a look shows that nothing is left; return how many files wait for their writers."""
    note = ErasureNote(erasure_id=erasure.id, erased_at=erasure.begun_at, actor=erasure.actor)
    for _ in range(ROUNDS):
        waiting = _erase_once(search, findings, note, store)
        findings = search_everywhere(search, rows_alone=True)
        if sum(found.files for found in findings.tables.values()) <= waiting and not (findings.judged or findings.online.found):
            return waiting
    raise StoreUnavailableError(
        "rows that are to be erased kept coming in",
        found=f"{', '.join(findings.tables) or 'results'} after {ROUNDS} rounds",
        allowed="no run of the model that began before the erasure",
        remedy="pause the model's DAGs, wait for what runs, and run the command again: it goes on",
    )


def _erase_once(search: Search, findings: Findings, note: ErasureNote, store: ErasureStore) -> int:
    model, settings, files, waiting = search.definition.name, search.settings, search.files, 0
    for place in places_of(search):  # each, found or not: an earlier attempt may have left a log to be cleared
        search.progress(f"erasing from tables/{place.name}")
        done = erase_rows(place.table, place.match, note, files, turn=lambda: store.turn(model))
        waiting += done.waiting
    search.progress("erasing from results and online inputs")
    for uri in findings.judged:
        erase_judged(uri, note, files)
    for publication in findings.online.found:
        erase_publication(model, publication, settings, search.online, note, files)
    for uri in findings.online.begun:
        remove_publication(uri, note, files)
    for uri in findings.mentions.made_again:
        files.remove(uri)
    return waiting


def _nothing_matches(definition: ModelDefinition, selection: Selection, findings: Findings) -> RequestError:
    unread = f"; {len(findings.landing.unread)} landing files cannot be read" if findings.landing.unread else ""
    return RequestError(
        f"nothing is kept of {definition.name} that matches",
        found=f"no row, kept or delivered, with {' and '.join(selection.columns)} of this value{unread}",
        allowed="a value that some row has or had, written as the table has it",
        remedy="check spelling, capital letters and leading zeros; nothing was changed and nothing is remembered",
    )
