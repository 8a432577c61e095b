"""The rows of a look: what the champion said, what came true, and what the release before would have said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.tables.feature_frames import read_features
from evergreen.tables.predictions import EVENT_TIME, TRAINED_THROUGH
from evergreen.tables.watched_rows import read_outcomes

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.files import Files
    from evergreen.predictors.predictor import Predictor
    from evergreen.results import Collected, FeatureSet
    from evergreen.stages.probation.looks import Look

SAID, WOULD_HAVE_SAID = "probability", "replaced_probability"


def read_look(look: Look, collected: Collected, replaced: Predictor, features: FeatureSet, files: Files) -> pd.DataFrame:
    """Return the labelled rows of a look's days that neither model has learned from.

    The champion is judged by what it said at the time. The release before is asked now, with the features that it would have
    been asked with then: those of its own code, of the same rows.

    Args:
        look: Which days, and which releases.
        collected: What the night looks at.
        replaced: The model that it replaced.
        features: Its features, as its own code builds them.
        files: Where things are.

    Returns:
        Sorted by day, event time and key: `_key`, `_day` (date), `label` (0 or 1), `probability` and `replaced_probability`.
    """
    outcomes = read_outcomes(collected, files, look.first_day, look.last_day)
    own = outcomes["release_version"] == look.champion.version
    unseen = (outcomes[EVENT_TIME] > outcomes[TRAINED_THROUGH]) & (outcomes[EVENT_TIME] > replaced.manifest.trained_through)
    known = outcomes["label"].notna() & outcomes[SAID].notna()
    rows = outcomes.loc[own & unseen & known, ["_key", "_day", EVENT_TIME, "label", SAID]]
    asked = read_features(features, files, first_day=look.first_day, last_day=look.last_day)
    asked = asked.merge(rows[["_key", "_day"]], on=["_key", "_day"], how="inner", validate="one_to_one")
    if asked.empty:
        return asked.assign(label=[], **{SAID: [], WOULD_HAVE_SAID: []})[["_key", "_day", "label", SAID, WOULD_HAVE_SAID]]
    answers = asked[["_key", "_day"]].assign(**{WOULD_HAVE_SAID: replaced.probability(asked)})
    joined = rows.merge(answers, on=["_key", "_day"], how="inner", validate="one_to_one")
    return joined.sort_values(["_day", EVENT_TIME, "_key"], ignore_index=True).drop(columns=EVENT_TIME)
