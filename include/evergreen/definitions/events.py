"""Section `events`: what starts work besides the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import StringConstraints

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Duration, Name, Section, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

WorkKind = Literal["scoring", "training"]

SHORTEST_SWEEP = timedelta(minutes=1)


class Landing(Section):
    """A rule: a day whose files are there starts work."""

    starts: WorkKind
    """`scoring`: every such day that nobody has scored; `training`: one run for the newest of them."""
    tables: tuple[Name, ...] = ()
    """Tables whose files of the day must all be there. None: the table of `data.rows` for scoring, that of `data.label` for
    training."""


class Queue(Section):
    """An SQS queue: S3's object-created notifications, or request bodies."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$"), "the URL of an SQS queue"]
    """Its URL."""
    connection: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "aws_default"
    """Airflow connection id of AWS."""
    region: str = "us-east-1"
    """Region of the queue."""
    every: Duration = timedelta(seconds=5)
    """How long to wait after an empty answer."""
    hidden_for: Duration = timedelta(minutes=2)
    """How long a received message stays hidden. It is deleted when it has been written down; one that was lost on the way
    shows itself again after this time."""


class Folder(Section):
    """The model's landing folder on a local or mounted disk."""

    every: Duration = timedelta(seconds=10)
    """How often to look; a look costs one `stat` per folder, however many files there are."""


class Events(Section):
    """What starts work besides the clock. The section alone (`events: {}`) lets requests in by REST."""

    landing: tuple[Landing, ...] = (Landing(starts="scoring"),)
    """What a day that lands starts; none: nothing, only requests do."""
    lookback: Duration = timedelta(days=3)
    """How many days before the newest landed one are still started; older ones are history."""
    queue: Queue | None = None
    """An SQS queue that is listened to."""
    folder: Folder | None = None
    """Watch the landing folder; for a landing zone on S3 use `queue`."""
    sweep: Duration = timedelta(minutes=10)
    """How often everything is compared although nothing was heard: the longest delay that a lost event costs."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield two rules for one kind of work, and a sweep that never rests."""
        kinds = [rule.starts for rule in self.landing]
        for index, kind in enumerate(kinds):
            if kind in kinds[:index]:
                yield Mistake(("landing", index, "starts"), f"two rules start {kind}", spell(kind), "one rule for each kind")
        if self.sweep < SHORTEST_SWEEP:
            yield Mistake(
                ("sweep",),
                "the sweep would never rest",
                spell(format_duration(self.sweep)),
                f"at least {format_duration(SHORTEST_SWEEP)}",
            )
