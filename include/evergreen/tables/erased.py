"""What stands in the place of files that held erased rows: a note that says when and by whom, and names the files, no value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pydantic import AwareDatetime, ValidationError

from evergreen.errors import ErasedError
from evergreen.files import join_uri
from evergreen.results import Result

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.files import Files

NOTES = "_erased"
"""Folder of the notes, in the folder of the files that are gone. Delta Lake looks at no folder that begins so."""


class ErasureNote(Result):
    """One erasure, and the files that went with it."""

    erasure_id: str
    erased_at: AwareDatetime
    actor: str
    files: tuple[str, ...] = ()
    """Paths below the folder."""


def write_note(folder_uri: str, note: ErasureNote, gone: Collection[str], files: Files) -> ErasureNote:
    """Note files that are about to go, before the first is removed; what an earlier attempt noted stays noted.

    Returns:
        The note as it stands.
    """
    earlier = [each for each in read_notes(folder_uri, files) if each.erasure_id == note.erasure_id]
    names = {*gone, *(name for each in earlier for name in each.files)}
    whole = (earlier[0] if earlier else note).model_copy(update={"files": tuple(sorted(names))})
    if not earlier or whole != earlier[0]:
        files.write_bytes(join_uri(folder_uri, NOTES, f"{note.erasure_id}.json"), whole.model_dump_json(indent=1).encode())
    return whole


def read_notes(folder_uri: str, files: Files) -> list[ErasureNote]:
    """Return every note of a folder, the oldest first; one that cannot be read is left out."""
    found = []
    for info in files.list(join_uri(folder_uri, NOTES)):
        try:
            found.append(ErasureNote.model_validate_json(files.read_bytes(info.uri)))
        except (FileNotFoundError, ValidationError):
            continue
    return sorted(found, key=lambda note: note.erased_at)


def read_unless_erased(what: str, uri: str, files: Files) -> bytes:
    """Return a file's bytes.

    Raises:
        ErasedError: It went with an erasure.
        FileNotFoundError: It is gone for another reason.
    """
    try:
        return files.read_bytes(uri)
    except FileNotFoundError:
        folder, _, name = uri.rpartition("/")
        refuse_if_erased(what, folder, name, files)
        raise


def refuse_if_erased(what: str, folder_uri: str, missing: str, files: Files) -> None:
    """Raise where a file that is missing went with an erasure.

    Args:
        what: What cannot be read, such as `version 3 of a table`.
        folder_uri: The folder the file was in.
        missing: The file, or a text that names it.
        files: Where files are.

    Raises:
        ErasedError: It did.
    """
    for note in read_notes(folder_uri, files):
        if any(name.rpartition("/")[2] in missing for name in note.files):
            raise_erased(what, folder_uri, note)


def raise_erased(what: str, folder_uri: str, note: ErasureNote) -> NoReturn:
    """Say that something was erased.

    Raises:
        ErasedError: Always.
    """
    raise ErasedError(
        f"{what} cannot be read or computed again: rows in it were erased on {note.erased_at:%Y-%m-%d} by {note.actor}",
        found=f"{folder_uri}: {len(note.files)} files went with erasure {note.erasure_id[:12]}",
        allowed="what was written since, and what holds none of the erased rows",
        remedy="begin again from ingest, which leaves the rows out; decisions of then stay and replay from their measurements",
    )
