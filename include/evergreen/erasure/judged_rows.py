"""What models answered to the rows that an evaluation judged: a file that holds such a row goes as a whole.

Its digest stands in the measurement. Without a row the others prove nothing any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.files import join_uri
from evergreen.tables.erased import write_note
from evergreen.tables.row_search import search

if TYPE_CHECKING:
    from evergreen.erasure.matching import Match
    from evergreen.files import Files
    from evergreen.settings import Settings
    from evergreen.tables.erased import ErasureNote


def find_judged(model: str, settings: Settings, match: Match, files: Files) -> dict[str, int]:
    """Return the files of rows among the results that hold such rows, and how many."""
    root = join_uri(settings.results_uri, model)
    infos = [(info.uri, info) for info in files.list(root) if info.uri.endswith(".parquet")]
    return search(root, infos, match, files)


def erase_judged(uri: str, note: ErasureNote, files: Files) -> None:
    """Remove a file; a note in its place says why."""
    folder, _, name = uri.rpartition("/")
    write_note(folder, note, [name], files)
    files.remove(uri)
