"""Saying no in the grid: a task that has nothing to do is skipped, with the reason in its log."""

from __future__ import annotations


def skipped(reason: str) -> Exception:
    """Return what a task raises to be skipped, and with it all that follows."""
    from airflow.sdk.exceptions import AirflowSkipException

    skip: Exception = AirflowSkipException(reason)
    return skip


def skip_unless(condition: bool, reason: str) -> None:
    """Skip the running task unless the condition holds.

    Raises:
        AirflowSkipException: The condition does not hold.
    """
    if not condition:
        raise skipped(reason)
