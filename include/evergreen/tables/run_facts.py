"""How long a stage took for a day, on how many rows and with how much memory: one small file for each time it worked."""

from __future__ import annotations

import logging
import resource
import sys
from datetime import date
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, FiniteFloat, ValidationError

from evergreen.files import join_uri
from evergreen.results import Result, canonical_bytes
from evergreen.tables.addresses import as_of_name

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.files import Files
    from evergreen.settings import Settings

logger = logging.getLogger(__name__)


class RunFacts(Result):
    """What one run of a stage cost."""

    stage: str
    as_of: AwareDatetime
    day: date
    seconds: FiniteFloat
    rows: int
    peak_memory_mb: FiniteFloat
    """Most memory the process has held so far, whatever for."""


def keep_run_facts(facts: RunFacts, settings: Settings, model: str, files: Files) -> None:
    """Keep what a run cost; a repeated run of the same as-of and day replaces the earlier one."""
    name = f"{as_of_name(facts.as_of)}-{facts.day.isoformat()}.json"
    files.write_bytes(join_uri(_folder(settings, model, facts.stage), name), canonical_bytes(facts))


def read_run_facts(
    settings: Settings, model: str, stage: str, files: Files, *, first_day: date, as_of: datetime
) -> list[RunFacts]:
    """Return what a stage's runs up to a moment cost, for days from `first_day` on, oldest first; unreadable files are told."""
    found = []
    for info in files.list(_folder(settings, model, stage)):
        try:
            facts = RunFacts.model_validate_json(files.read_bytes(info.uri))
        except ValidationError:
            logger.warning("%s does not say what a run cost", info.uri)
            continue
        if facts.day >= first_day and facts.as_of <= as_of:
            found.append(facts)
    return sorted(found, key=lambda facts: (facts.as_of, facts.day))


def peak_memory_mb() -> float:
    """Return the most memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def _folder(settings: Settings, model: str, stage: str) -> str:
    return join_uri(settings.artifacts_uri, model, "run_facts", stage)
