"""Retries by kind of error: a lost connection is tried again, bad data is not."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from evergreen.errors import EvergreenError, StoreUnavailableError

FIRST_DELAY = timedelta(seconds=30)

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[StoreUnavailableError, ConnectionError, TimeoutError],
            action=RetryAction.RETRY,
            retry_delay=FIRST_DELAY,
            reason="a store did not answer; that may pass",
        ),
        RetryRule(
            exception=EvergreenError,
            action=RetryAction.FAIL,
            reason="trying again cannot mend the data, the definition or the request",
        ),
        RetryRule(
            exception=[TypeError, AttributeError, KeyError, NameError, ImportError],
            action=RetryAction.FAIL,
            reason="a mistake in code stays one",
        ),
    ]
)
"""First matching rule wins; what no rule names is retried as Airflow would."""
