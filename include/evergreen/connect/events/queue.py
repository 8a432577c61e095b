"""Deleting messages from the queue, once what they say is in our own database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.definitions import ModelDefinition

_log = logging.getLogger(__name__)

_AT_ONCE = 10
"""SQS takes no more in one call."""


def acknowledge(definition: ModelDefinition, receipts: Sequence[tuple[str, str]]) -> None:
    """Delete messages; one that cannot be deleted shows itself again later and is then known."""
    queue = definition.events.queue if definition.events else None
    if queue is None or not receipts:
        return
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    client = SqsHook(aws_conn_id=queue.connection, region_name=queue.region).get_conn()
    handles = sorted({handle for _, handle in receipts if handle})
    for start in range(0, len(handles), _AT_ONCE):
        entries = [
            {"Id": str(place), "ReceiptHandle": handle} for place, handle in enumerate(handles[start : start + _AT_ONCE])
        ]
        try:
            answer = client.delete_message_batch(QueueUrl=queue.url, Entries=entries)
        except Exception as error:  # every kind of client error means the same here: the message stays for now
            _log.warning("%d messages could not be deleted from %s and will come again: %s", len(entries), queue.url, error)
            continue
        for failed in answer.get("Failed", ()):
            _log.warning("a message could not be deleted from %s and may come again: %s", queue.url, failed.get("Message"))
