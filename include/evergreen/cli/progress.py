"""One line per task that ended and, on a terminal, a spinner naming those that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console
    from rich.status import Status

MARKS = {"success": "✓", "failed": "✗", "skipped": "-", "upstream_failed": "·", "up_for_retry": "↻"}
_WORDS = {"skipped": "  skipped", "upstream_failed": "  not started", "up_for_retry": "  will be tried again"}


class TaskProgress:
    """Shows a run's tasks as they start and end; use as a context manager.

    Args:
        console: Where to print; the spinner appears only on a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def running(self, names: Collection[str]) -> None:
        """Name what runs now."""
        if self._status:
            self._status.update(escape(", ".join(names)) or "between tasks")

    def ended(self, name: str, state: str, seconds: float | None) -> None:
        """Print a task that ended."""
        took = f"{seconds:6.1f} s" if seconds is not None else " " * 8
        self._console.print(f"  {MARKS.get(state, '?')} {name:<27} {took}{_WORDS.get(state, '')}".rstrip(), markup=False)


def task_name(task_id: str, map_index: int, label: str | None = None) -> str:
    """Return a task's name, with its label, or else its place, when it is one of several: `train[xgboost]`, `train[2]`."""
    return task_id if map_index < 0 else f"{task_id}[{label or map_index}]"
