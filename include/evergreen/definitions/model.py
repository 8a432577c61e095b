"""The model definition: what to train, judge and release, in frozen objects."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import PrivateAttr, StringConstraints

from evergreen.definitions.alerts import Alerts
from evergreen.definitions.between_sections import between_sections
from evergreen.definitions.data import Data
from evergreen.definitions.events import Events
from evergreen.definitions.features import Features
from evergreen.definitions.gate import Gate
from evergreen.definitions.monitoring import Monitoring
from evergreen.definitions.release import ReleasePlan
from evergreen.definitions.retention import Retention
from evergreen.definitions.retraining import Retraining
from evergreen.definitions.schedule import Schedule
from evergreen.definitions.scoring import Scoring
from evergreen.definitions.serving import Serving
from evergreen.definitions.training import Training
from evergreen.definitions.validation import Validation
from evergreen.definitions.words import Name, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.definitions.problems import Mistake

Tag = Annotated[str, StringConstraints(min_length=1, max_length=100), "text of 1 to 100 characters"]


class ModelDefinition(Section):
    """One model: `include/models/<name>/model.yaml`."""

    name: Name
    """Same as its folder; names DAGs, tables and the registered model."""
    title: Annotated[str, StringConstraints(min_length=1, max_length=200), "text of 1 to 200 characters"]
    """One sentence: the question the model answers."""
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100), "text of 1 to 100 characters"]
    """Who answers for it."""
    tags: tuple[Tag, ...] = ()
    """Shown with the DAGs, to filter by."""
    schedule: Schedule = Schedule()
    """The clock."""
    data: Data
    """Tables, keys, time and the label."""
    validation: Validation = Validation()
    """What the data must be."""
    features: Features = Features()
    """Where the feature code is and how far back it may look."""
    training: Training = Training()
    """Candidates, search, calibration, costs."""
    gate: Gate = Gate()
    """When a challenger replaces the champion."""
    release: ReleasePlan = ReleasePlan()
    """How a promoted challenger reaches traffic."""
    scoring: Scoring = Scoring()
    """Where a night's answers go besides the table `predictions`."""
    serving: Serving = Serving()
    """How the gateway answers."""
    monitoring: Monitoring = Monitoring()
    """What is watched, and how far it may go before somebody is told."""
    retraining: Retraining = Retraining()
    """When monitoring may start a training."""
    retention: Retention = Retention()
    """How long what nothing rests on any more is kept."""
    alerts: Alerts = Alerts()
    """Who is told."""
    events: Events | None = None
    """What starts work besides the clock; left out: nothing does."""

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """Folder of model.yaml, features.py and README.md."""
        return self._folder

    @property
    def features_path(self) -> Path:
        """The user's feature code."""
        return self._folder / self.features.code

    def holdout_start(self, last_day: date) -> datetime:
        """The moment the holdout begins when `last_day` is the newest complete day; training ends before it.

        It is a local midnight, `gate.holdout` (in whole days, rounded up) before the end of `last_day`.
        """
        days = -(-self.gate.holdout // timedelta(days=1))
        midnight = datetime.combine(last_day + timedelta(days=1 - days), time(), tzinfo=self.schedule.zone)
        return midnight.astimezone(UTC)

    def digest(self, *sections: str) -> str:
        """Digest of the named sections (all of them when none is named): 32 hexadecimal characters.

        Stages key their results by the sections they read, so that a new gate threshold does not train again. The order
        of keys, comments and the spelling of a duration (14d or 2w) do not count.

        Raises:
            KeyError: There is no such section.
        """
        sections_by_name = self.model_dump(mode="json")
        value = {name: sections_by_name[name] for name in sections or sections_by_name}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what the sections have against each other."""
        yield from between_sections(self)
