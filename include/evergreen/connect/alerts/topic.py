"""An SNS topic as a way to tell somebody."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from evergreen.connect.alerts.plain_notifier import PlainNotifier

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.sns import SnsHook

    from evergreen.connect.alerts.incident import Message

CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS, ATTEMPTS = 3.0, 5.0, 2
"""Bounds what a topic that does not answer costs: by default boto3 would wait a minute, five times."""
_LONGEST_SUBJECT = 100


class SnsTopicNotifier(PlainNotifier):
    """Publishes a message to a topic, with attributes to filter by: `model`, `incident`, `level` and `id`.

    A FIFO topic drops what was published before under the same id (within five minutes, as SNS does), and keeps the order of
    a model's messages.

    Args:
        connection_id: Airflow connection of type AWS.
        topic_arn: The topic; its region wins over the connection's.
        message: What to tell.
    """

    def __init__(self, connection_id: str, topic_arn: str, message: Message) -> None:
        super().__init__()
        self._connection_id = connection_id
        self._topic_arn = topic_arn
        self._message = message

    def notify(self, context: Any) -> None:
        """Publish the message.

        Raises:
            botocore.exceptions.BotoCoreError: No answer.
            botocore.exceptions.ClientError: SNS refused it.
        """
        message, is_fifo = self._message, self._topic_arn.endswith(".fifo")
        topic_hook(self._connection_id, self._topic_arn).publish_to_target(
            target_arn=self._topic_arn,
            message=message.text,
            subject=sns_subject(message.subject),
            message_attributes={
                name: value
                for name, value in (
                    ("model", message.model),
                    ("incident", message.incident),
                    ("level", message.level),
                    ("id", message.id),
                )
                if value
            },
            message_group_id=message.model if is_fifo else None,
            message_deduplication_id=(message.id or None) if is_fifo else None,
        )


def topic_hook(connection_id: str, topic_arn: str) -> SnsHook:
    """Return a hook for a topic that gives up in seconds; what the connection's `config_kwargs` say stands."""
    from airflow.providers.amazon.aws.hooks.sns import SnsHook
    from botocore.config import Config

    region = topic_region(topic_arn)
    patience = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=ANSWER_TIMEOUT_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    given = SnsHook(aws_conn_id=connection_id, region_name=region).config
    return SnsHook(aws_conn_id=connection_id, region_name=region, config=patience.merge(given) if given else patience)


def topic_problem(connection_id: str, topic_arn: str) -> str | None:
    """Return why a topic cannot be asked for its attributes, None when it can; no secret is in it."""
    from botocore.exceptions import ClientError

    try:
        topic_hook(connection_id, topic_arn).get_conn().get_topic_attributes(TopicArn=topic_arn)
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code", "refused"))
    except Exception as error:
        return type(error).__name__
    return None


def topic_region(topic_arn: str) -> str | None:
    """Return the region in an ARN, None where there is none."""
    parts = topic_arn.split(":")
    return (parts[3] or None) if len(parts) > 4 else None


def sns_subject(subject: str) -> str:
    """Return a subject as SNS takes it: printable ASCII on one line, at most 100 characters."""
    letters = unicodedata.normalize("NFKD", subject.replace("…", "..."))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter)).encode("ascii", "replace").decode()
    line = "".join(character if character.isprintable() else " " for character in plain)
    return line if len(line) <= _LONGEST_SUBJECT else line[: _LONGEST_SUBJECT - 3] + "..."
