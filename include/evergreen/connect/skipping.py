"""Saying no in the grid: a task that has nothing to do is skipped, with the reason in its log."""

from __future__ import annotations


def skip_unless(condition: bool, reason: str) -> None:
    """Skip the running task, and with it all that follows, unless the condition holds.

    Raises:
        AirflowSkipException: The condition does not hold.
    """
    if not condition:
        from airflow.sdk.exceptions import AirflowSkipException

        raise AirflowSkipException(reason)
