"""What a test starts and stops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Started(ABC):
    """Servers of ours that are started on entry and gone after exit, also where starting them fails halfway."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def _start(self) -> None:
        """Start everything and wait for it."""

    @abstractmethod
    def close(self) -> None:
        """Stop what was started, each process by its own id."""
