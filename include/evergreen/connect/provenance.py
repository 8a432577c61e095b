"""Which code and which environment a run used."""

from __future__ import annotations

import os
import subprocess
from functools import cache

from evergreen.digests import digest_bytes
from evergreen.settings import PROJECT_ROOT


@cache
def code_revision() -> str:
    """Return the revision of the project: `EVERGREEN_CODE_REVISION`, else git's, marked `-dirty` when files differ."""
    given = os.environ.get("EVERGREEN_CODE_REVISION")
    if given:
        return given
    try:
        command = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


@cache
def lock_digest() -> str:
    """Return the digest of the locked requirements, or `unlocked` where there is no lock."""
    lock = PROJECT_ROOT / "requirements.lock"
    return digest_bytes(lock.read_bytes()) if lock.is_file() else "unlocked"
