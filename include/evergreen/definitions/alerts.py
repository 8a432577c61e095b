"""Section `alerts`: who is told, and of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

Channel = Literal["log", "email", "slack", "sns"]
AlertLevel = Literal["warning", "critical"]


class Notify(Section):
    """One way to tell somebody."""

    channel: Channel
    """`log`: a line in `<home>/alerts.jsonl`; `email`, `slack`, `sns`: through the Airflow connection `connection`."""
    level: AlertLevel = "warning"
    """Least severe alert that is sent this way."""
    connection: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Airflow connection id: SMTP, Slack's incoming webhook or AWS."""
    to: tuple[str, ...] = ()
    """E-mail addresses, or the ARN of an SNS topic."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield a channel that has nowhere to go."""
        if self.channel in ("email", "sns") and not self.to:
            yield Mistake(("channel",), f"`{self.channel}` without anybody to tell", spell(self.channel), "`to` beside it")


class Alerts(Section):
    """Who is told, and of what: one message per incident, repeated only when it changes."""

    notify: tuple[Notify, ...] = Field((Notify(channel="log"),), max_length=20)
    """Ways to tell somebody; none: nobody is told."""
