"""Section `features`: where the user's code is and how far back it may look."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Column, Duration, Section

if TYPE_CHECKING:
    from collections.abc import Iterator


class Features(Section):
    """Where the feature code is and how far back it may look."""

    code: str = "features.py"
    """File beside model.yaml with `row_features(rows, entities)` and, if wanted, `entity_features(history, as_of)`."""
    history: Duration = timedelta(days=28)
    """How far back, by event time, the history handed to `entity_features` reaches."""
    categorical: tuple[Column, ...] = ()
    """Numeric-looking features to be treated as categories; text always is."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a code path that leaves the definition's folder."""
        if self.code.startswith("/") or "/" in self.code or "\\" in self.code or not self.code.endswith(".py"):
            yield Mistake(("code",), "no file of this folder", spell(self.code), "the name of a .py file beside model.yaml")
