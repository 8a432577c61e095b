"""The file of keys: read whole or not at all, changed under a lock, and never by two at once."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from evergreen.errors import RequestError, SettingsError
from evergreen.files import replace_file
from evergreen.serving.access.keys import EVERY_MODEL, AccessKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

OWNER_ONLY = 0o600
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[AccessKey, ...]


_DECODER = msgspec.json.Decoder(_Keys)


def read_keys(path: Path) -> tuple[AccessKey, ...]:
    """Return the entries of a file of keys.

    Raises:
        SettingsError: It is missing, cannot be read, may be written by others than its owner, or is no list of keys.
    """
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read()
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__, "make the first key: evergreen key new NAME") from None
    if mode & _WRITABLE_BY_OTHERS:
        # Whoever can write it can let anybody in.
        raise _unusable(path, f"others than its owner may write it (mode {stat.S_IMODE(mode):03o})", f"chmod 600 {path}")
    try:
        keys = _DECODER.decode(data).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)[:200], "correct the file, or make it anew with evergreen key new") from None
    wrong = _wrong(keys)
    if wrong:
        raise _unusable(path, wrong, "correct the file")
    return keys


def add_key(path: Path, key: AccessKey) -> None:
    """Add an entry; make the file where there is none.

    Raises:
        SettingsError: What is there is no file of keys.
    """
    with _alone(path):
        _write(path, (*(read_keys(path) if path.exists() else ()), key))


def revoke_key(path: Path, key_id: str, now: datetime) -> AccessKey:
    """Let a key open nothing any more; its entry stays, so that it is known what it was.

    Args:
        path: The file of keys.
        key_id: Which one.
        now: The moment to write down.

    Raises:
        RequestError: There is no such key.
        SettingsError: The file cannot be read.
    """
    with _alone(path):
        keys = read_keys(path)
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise RequestError(
                "there is no key of this id",
                found=repr(key_id)[:40],
                allowed=", ".join(key.id for key in keys[:20]) or "no key at all",
                remedy="look at `evergreen key list`",
            )
        revoked = msgspec.structs.replace(found, revoked_at=found.revoked_at or now)
        _write(path, tuple(revoked if key.id == key_id else key for key in keys))
    return revoked


def _wrong(keys: tuple[AccessKey, ...]) -> str:
    ids = [key.id for key in keys]
    twice = sorted({key_id for key_id in ids if ids.count(key_id) > 1})
    if twice:
        return f"the id {twice[0]} stands there twice"
    mixed = [key.id for key in keys if EVERY_MODEL in key.models and len(key.models) > 1]
    return f"key {mixed[0]} names models beside {EVERY_MODEL}" if mixed else ""


def _unusable(path: Path, found: str, remedy: str) -> SettingsError:
    return SettingsError(
        "the gateway's file of keys cannot be used",
        found=f"{path}: {found}",
        allowed='a JSON file {"keys": […]} that only its owner may write, as EVERGREEN_GATEWAY_KEYS_FILE names it',
        remedy=remedy,
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock: of two who read, change and write, one would undo what the other did, a revocation perhaps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, keys: tuple[AccessKey, ...]) -> None:
    data = msgspec.json.format(msgspec.json.encode(_Keys(keys)), indent=2) + b"\n"
    replace_file(path.resolve(), data, mode=OWNER_ONLY)  # a link stays a link
