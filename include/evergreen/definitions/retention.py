"""Section `retention`: how long what nothing rests on any more is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Duration, Section, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["results", "candidates", "inputs", "tables", "nights", "pages"]
"""What maintenance removes."""
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In this order: what a removed result has named is not needed on its account any more."""
SHORTEST = timedelta(days=30)
"""Long enough for a run that was left half-way, and for whoever wants to look at last month."""


class Retention(Section):
    """How long `evergreen.maintenance` leaves alone what nothing rests on any more, counted from when it was written."""

    work: Duration = timedelta(days=180)
    """Results of stages, bundles of candidates that were never registered, published inputs, and table versions that have not
    been the newest for so long. What a registered version or a younger decision was made from is always kept."""
    nights: Duration = timedelta(days=400)
    """Evidence of nights that started no training, took nothing back and set no day aside; what runs cost."""
    pages: Duration = timedelta(days=400)
    """Pages for people, but those of verdicts that promoted and of nights that acted."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield spans within which a run may still come back."""
        for name in ("work", "nights", "pages"):
            span = getattr(self, name)
            if span < SHORTEST:
                yield Mistake((name,), "nothing so young is removed", spell(format_duration(span)), "at least 30d")
