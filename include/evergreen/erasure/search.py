"""Look everywhere for the rows of who is to be forgotten: what a dry run shows, and what tells that nothing is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evergreen.erasure.judged_rows import find_judged
from evergreen.erasure.landing import LandingFind, search_landing
from evergreen.erasure.matching import Match
from evergreen.erasure.mentions import Mentions, find_mentions
from evergreen.erasure.online import Publications, find_publications
from evergreen.erasure.places import TableFind, TablePlace, look_into, table_places
from evergreen.registry.erasures import ErasedPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evergreen.definitions import ModelDefinition
    from evergreen.erasure.matching import Forgotten
    from evergreen.erasure.selection import Contracts
    from evergreen.files import Files
    from evergreen.settings import Settings

JUDGED_KEY = "key"
"""What the rows that an evaluation judged call their key."""


@dataclass(frozen=True)
class Search:
    """Where to look, and for whom."""

    definition: ModelDefinition
    settings: Settings
    contracts: Contracts
    who: Forgotten
    texts: Sequence[str]
    """The values as they were typed, to be searched for as text; none where only their hashes are known."""
    files: Files
    progress: Callable[[str], None]

    @property
    def judged(self) -> Match:
        """What is looked for among judged rows."""
        return Match(self.who, key=JUDGED_KEY)

    @property
    def online(self) -> Match:
        """What is looked for in online inputs."""
        return Match(self.who, key_columns=self.definition.data.tables[self.definition.data.rows].key)


@dataclass(frozen=True)
class Findings:
    """What was found."""

    tables: dict[str, TableFind] = field(default_factory=dict)
    """Only those with any."""
    judged: dict[str, int] = field(default_factory=dict)
    online: Publications = field(default_factory=Publications)
    landing: LandingFind = field(default_factory=lambda: LandingFind({}, ()))
    mentions: Mentions = field(default_factory=Mentions)

    @property
    def is_empty(self) -> bool:
        """Whether no row was found anywhere. A page that mentions a value may be about somebody else."""
        return not (self.tables or self.judged or self.online.found or self.online.begun or self.landing.files)

    def places(self, *, done: bool) -> tuple[ErasedPlace, ...]:
        """Return what was found as lines of a report.

        Args:
            done: Whether it has been erased, or would be.
        """
        word, gone = ("erased", "removed") if done else ("will be erased", "will be removed")
        lines = [_line(f"tables/{name}", *found[:2], _of_table(found, word)) for name, found in self.tables.items()]
        rows = sum(self.judged.values())
        lines.append(_line("results: judged rows", len(self.judged), rows, f"{word}; whole files: their digests would not fit"))
        rows = sum(each.rows for each in self.online.found)
        count = len(self.online.found) + len(self.online.begun)
        lines.append(_line("artifacts: inputs of the gateway", count, rows, f"{word}; the newest is published without them"))
        count = len(self.mentions.made_again)
        lines.append(_line("pages, results with the value", count, 0, f"{gone}; made again when they are wanted"))
        count = len(self.mentions.staying)
        lines.append(_line("evidence, bundles with the value", count, 0, "STAYS: decisions rest on it, see below"))
        rows = sum(self.landing.files.values())
        lines.append(_line("landing files", len(self.landing.files), rows, "STAYS: not ours, see below; left out by ingest"))
        return tuple(line for line in lines if line.files)


def search_everywhere(search: Search, *, rows_alone: bool = False) -> Findings:
    """Look into every place there is.

    Args:
        search: Where, and for whom.
        rows_alone: Leave out landing files and mentions.
    """
    tables = {}
    for place in places_of(search):
        search.progress(f"searching tables/{place.name}")
        found = look_into(place, search.files)
        if found.files:
            tables[place.name] = found
    model, settings = search.definition.name, search.settings
    search.progress("searching results and online inputs")
    judged = find_judged(model, settings, search.judged, search.files)
    online = find_publications(model, settings, search.online, search.files)
    if rows_alone:
        return Findings(tables, judged, online)
    search.progress("searching landing files")
    landing = search_landing(search.definition, search.contracts, settings, search.who, search.files)
    search.progress("searching pages, evidence and bundles")
    return Findings(tables, judged, online, landing, find_mentions(model, settings, search.texts, search.files))


def places_of(search: Search) -> list[TablePlace]:
    """Return the tables to look into."""
    return table_places(search.definition, search.settings, search.who, search.files)


def _of_table(found: TableFind, word: str) -> str:
    if not found.old_rows:
        return word
    copies = "copy" if found.old_rows == 1 else "copies"
    return f"{word}, and {found.old_rows:,} {copies} in files of earlier versions alone"


def _line(place: str, files: int, rows: int, became: str) -> ErasedPlace:
    return ErasedPlace(place=place, files=files, rows=rows, became=became)
