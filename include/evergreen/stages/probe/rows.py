"""Which rows the refit learns from and which both are judged on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evergreen.features.windows import last_mature_day, start_of_day
from evergreen.tables.feature_frames import read_labelled
from evergreen.tables.predictions import EVENT_TIME, TRAINED_THROUGH
from evergreen.tables.watched_rows import read_outcomes

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from evergreen.definitions import ModelDefinition
    from evergreen.files import Files
    from evergreen.results import ChampionVersion, Collected, FeatureSet


class ProbeRows(NamedTuple):
    """Rows as `probe_improvement` takes them."""

    train: pd.DataFrame
    judged: pd.DataFrame


def read_probe_rows(
    definition: ModelDefinition, collected: Collected, champion: ChampionVersion, features: FeatureSet, files: Files
) -> ProbeRows:
    """Read labelled rows of matured days: the newest ones that the champion answered are judged, those before are learned from.

    A row is judged by what the champion said about it at the time. Rows that it has learned from, or of a day that it has
    learned from, are not judged.

    Args:
        definition: The model.
        collected: What the night looks at.
        champion: The release to be beaten.
        features: Today's features.
        files: Where things are.
    """
    mature = last_mature_day(definition.schedule, collected.as_of, definition.monitoring.performance.mature_after)
    last = min(mature, features.last_day)
    first = first_judged_day(definition, champion, last)
    window = definition.training.window
    start = start_of_day(definition.schedule, first)
    labelled = read_labelled(
        features,
        files,
        from_time=None if window == "all" else start - window,
        before_time=start_of_day(definition.schedule, last + timedelta(days=1)),
    )
    answers = _answers(collected, champion, files, first, last)
    judged = labelled.merge(answers, on=["_key", "_day"], how="inner", validate="one_to_one")
    # Answers may begin late, after a release; whatever lies before the first of them is there to be learned from.
    begins = min(judged["_day"], default=last + timedelta(days=1))
    before = np.fromiter((day < begins for day in labelled["_day"]), dtype=bool, count=len(labelled))
    return ProbeRows(labelled.loc[before].reset_index(drop=True), judged.reset_index(drop=True))


def first_judged_day(definition: ModelDefinition, champion: ChampionVersion, last: date) -> date:
    """Return the first day of the probe: so many days before its last one, and none that the champion has learned from."""
    days = -(-definition.retraining.probe.holdout // timedelta(days=1))
    seen = definition.schedule.day_of(champion.trained_through)
    return max(last - timedelta(days=days - 1), seen + timedelta(days=1))


def _answers(collected: Collected, champion: ChampionVersion, files: Files, first: date, last: date) -> pd.DataFrame:
    """Return what this release said about rows it had not seen: `_key`, `_day`, `probability`."""
    outcomes = read_outcomes(collected, files, first, max(first, last))
    own = (outcomes["release_version"] == champion.version) & (outcomes["_day"] >= first) & (outcomes["_day"] <= last)
    unseen = outcomes[EVENT_TIME] > outcomes[TRAINED_THROUGH]
    known = outcomes["label"].notna() & outcomes["probability"].notna()
    return outcomes.loc[own & unseen & known, ["_key", "_day", "probability"]]
