"""Stops asking a challenger that keeps failing, at once and on the spot; those who watch the rollout follow later."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FAILURES = 5
"""Requests in a row that may fail before it is not asked again for a while."""
PAUSE_SECONDS = 30.0
"""How long it is not asked; then one batch tries."""


class Breaker:
    """Counts failures in a row.

    Args:
        clock: Seconds from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._closed_from = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nobody should be asked now."""
        return self._failures >= MOST_FAILURES and self._clock() < self._closed_from

    def note(self, is_well: bool) -> None:
        """Count what came of one request."""
        if is_well:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._closed_from = self._clock() + PAUSE_SECONDS
