"""The model definition: what to train, judge and release, in frozen objects."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import PrivateAttr, StringConstraints, model_validator

from evergreen.definitions.data import Data
from evergreen.definitions.features import Features
from evergreen.definitions.gate import Gate
from evergreen.definitions.release import ReleasePlan
from evergreen.definitions.schedule import Schedule
from evergreen.definitions.training import Training
from evergreen.definitions.validation import Validation
from evergreen.definitions.words import Name, Section


class ModelDefinition(Section):
    """One model: `include/models/<name>/model.yaml`."""

    name: Name
    """Same as its folder; names DAGs, tables and the registered model."""
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """One sentence: the question the model answers."""
    owner: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Who answers for it."""
    tags: tuple[str, ...] = ()
    schedule: Schedule = Schedule()
    data: Data
    validation: Validation = Validation()
    features: Features = Features()
    training: Training = Training()
    gate: Gate = Gate()
    release: ReleasePlan = ReleasePlan()

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

        Stages key their results by the sections they read, so that a new gate threshold does not train again.
        """
        value = self.model_dump(mode="json", include=set(sections) or None)
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]

    @model_validator(mode="after")
    def _validated_tables_exist(self) -> Self:
        unknown = sorted(set(self.validation.tables) - set(self.data.tables))
        if unknown:
            msg = f"`validation.tables` names {', '.join(unknown)}, not in `data.tables` ({', '.join(self.data.tables)})"
            raise ValueError(msg)
        return self
