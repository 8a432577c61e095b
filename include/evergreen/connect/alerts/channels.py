"""Ways to tell somebody: a file, a mail, a Slack channel, an SNS topic; each an Airflow notifier.

The providers' notifiers are asked through `notify`, never called: calling renders their text as a template, and a text that
names a value from the data could then read connections.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from evergreen.connect.alerts.plain_notifier import PlainNotifier
from evergreen.connect.alerts.topic import SnsTopicNotifier
from evergreen.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import BaseNotifier

    from evergreen.connect.alerts.incident import Message
    from evergreen.definitions.alerts import Notify
    from evergreen.settings import Settings

_log = logging.getLogger(__name__)

LOG_NAME = "alerts.jsonl"
TIMEOUT_SECONDS = 10.0
_DEFAULT_CONNECTIONS = {"email": "smtp_default", "slack": "slack_default", "sns": "aws_default"}


class AlertFileNotifier(PlainNotifier):
    """Appends one JSON line to a file and one line to the log.

    Args:
        path: The file; made when it is not there.
        message: What to tell.
    """

    def __init__(self, path: Path, message: Message) -> None:
        super().__init__()
        self._path = path
        self._message = message

    def notify(self, context: Any) -> None:
        """Append the line, whole or not at all."""
        message = self._message
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "id": message.id,
            "model": message.model,
            "incident": message.incident,
            "level": message.level,
            "subject": message.subject,
            "lines": list(message.lines),
            "link": message.link,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of two processes never mix.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        finally:
            os.close(descriptor)
        _log.warning("%s", message.text)


class SlackWebhookNotifier(PlainNotifier):
    """Posts a text to an incoming webhook of Slack, or of anything that takes the same body.

    Args:
        connection_id: Airflow connection whose host is the webhook's address; its password, if any, is the secret end of
            the path, as in Slack's provider.
        message: What to tell.
    """

    def __init__(self, connection_id: str, message: Message) -> None:
        super().__init__()
        self._connection_id = connection_id
        self._message = message

    def notify(self, context: Any) -> None:
        """Post the text.

        Raises:
            RequestError: The webhook did not answer 2xx.
        """
        import requests

        url = webhook_url(BaseHook.get_connection(self._connection_id))
        text = escape(self._message.text, quote=False)  # Slack's own escapes: &amp; &lt; &gt;
        answer = requests.post(url, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        if not answer.status_code < requests.codes.multiple_choices:
            raise RequestError(
                "the webhook did not take a message",
                found=f"status {answer.status_code} by connection {self._connection_id}",
                allowed="2xx",
                remedy="check the connection's address; the message is tried again on the next occasion",
            )


def webhook_url(connection: Any) -> str:
    """Return the address a webhook connection means."""
    host = connection.host or ""
    scheme = connection.schema or ("https" if (connection.conn_type or "") != "http" else "http")
    base = host if "://" in host else f"{scheme}://{host}"
    port = f":{connection.port}" if connection.port else ""
    return base.rstrip("/") + port + (f"/{connection.password.lstrip('/')}" if connection.password else "")


def deliver(way: Notify, message: Message, settings: Settings) -> None:
    """Send one message one way.

    Raises:
        Exception: Whatever the channel raises; the caller decides what a failure means.
    """
    for notifier in _notifiers(way, message, settings):
        notifier.notify({})


def _notifiers(way: Notify, message: Message, settings: Settings) -> list[BaseNotifier]:
    connection_id = way.connection or _DEFAULT_CONNECTIONS.get(way.channel, "")
    if way.channel == "log":
        return [AlertFileNotifier(settings.home / LOG_NAME, message)]
    if way.channel == "slack":
        return [SlackWebhookNotifier(connection_id, message)]
    if way.channel == "email":
        return [_mail(connection_id, way.to, message)]
    return [SnsTopicNotifier(connection_id, topic, message) for topic in way.to]


def _mail(connection_id: str, to: tuple[str, ...], message: Message) -> BaseNotifier:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    lines = "".join(f"<li>{escape(line)}</li>" for line in message.lines)
    link = f'<p><a href="{escape(message.link)}">{escape(message.link)}</a></p>' if message.link else ""
    html = f"<p>{escape(message.subject)}</p><ul>{lines}</ul>{link}"
    return SmtpNotifier(to=list(to), subject=message.subject, html_content=html, smtp_conn_id=connection_id)
