"""Section `features`: where the user's code is and how far back it may look."""

from __future__ import annotations

from datetime import timedelta

from evergreen.definitions.words import Column, Duration, Section


class Features(Section):
    """Features."""

    code: str = "features.py"
    """File beside model.yaml with `row_features(rows, entities)` and, if wanted, `entity_features(history, as_of)`."""
    history: Duration = timedelta(days=28)
    """How far back, by event time, the history handed to `entity_features` reaches."""
    categorical: tuple[Column, ...] = ()
    """Numeric-looking features to be treated as categories; text always is."""
