"""What the teardown does after a run, however it ended."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.files import is_s3

if TYPE_CHECKING:
    from evergreen.connect.run import Run

_log = logging.getLogger(__name__)

ABANDONED_AFTER_SECONDS = 3600
"""Younger temporary files may belong to a task that is still writing."""


def clean_after(run: Run) -> None:
    """Remove half-written files of this model that nobody can be writing any more."""
    roots = [run.settings.tables_uri, run.settings.artifacts_uri, run.settings.results_uri, run.settings.reports_uri]
    removed = sum(_remove_abandoned(Path(root) / run.definition.name) for root in roots if not is_s3(root))
    _log.info("removed %d half-written files", removed)


def _remove_abandoned(folder: Path) -> int:
    removed = 0
    for path in folder.rglob(".tmp-*") if folder.is_dir() else ():
        if time.time() - path.stat().st_mtime > ABANDONED_AFTER_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
