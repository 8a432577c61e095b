"""What the stages of a night of monitoring hand on."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime

from evergreen.results.releases import ChampionVersion
from evergreen.results.result import Result


class Collected(Result):
    """What one night of monitoring looks at: the champion, its answers, and the outcomes known by then."""

    model: str
    as_of: AwareDatetime
    champion: ChampionVersion | None
    """The release that is watched; None before the first."""
    released_at: AwareDatetime | None
    """When it became champion, by the as-of of its decision."""
    replaced: ChampionVersion | None = None
    """The release that it replaced; None for a first champion, and for one that a rollback brought back."""
    first_day: date
    last_day: date
    """The newest complete days, as many as `monitoring.window`."""
    predictions_uri: str
    predictions_version: int
    """-1 before the first scoring."""
    answers: Literal["batch", "gateway", "both"] = "batch"
    """Whose answers are watched."""
    served_uri: str = ""
    """Where the gateway's answers are; empty where they are not watched."""
    served_version: int = -1
    """-1 before the first of them, or where they are not watched."""
    slice_columns: tuple[str, ...] = ()
    """Columns that the gateway's answers are sliced by."""
    outcomes_uri: str
    outcomes_version: int
    """-1 before the first outcome."""
    scored_rows: dict[date, int]
    """Rows per day of the window that the champion answered, by what was said last."""
    missing_days: tuple[date, ...]
    """Days of the window, since the champion's release, that nobody scored."""
    set_aside: tuple[date, ...] = ()
    """Days that earlier nights found at fault and nobody has released: no check looks at them again."""
    readmitted: tuple[date, ...] = ()
    """Days that a person has called sound: not judged again for faults, and part of everything else."""
    scoring_failures: tuple[str, ...] = ()
    """What validation said of those days, in plain sentences; empty where nothing is known."""
    new_outcomes: int
    """Outcomes whose label came since the night before."""
    corrected_outcomes: int
    """Outcomes whose label changed since the night before."""
    new_rows: int
    """Matured outcomes of rows that the champion has not learned from."""
    digest: str
    """Digest of all the rows above; the input digest of the checks."""


class CheckedNight(Result):
    """What one check saw: where its observation is kept, and how bad it is."""

    model: str
    as_of: AwareDatetime
    kind: str
    """`quality`, `drift`, `performance` or `operations`."""
    severity: str
    """The worst of its findings: `ok`, `unknown`, `warning` or `critical`."""
    findings: dict[str, int]
    """How many findings of each severity."""
    headline: str
    """The worst finding in a plain sentence."""
    observation_uri: str
    observation_digest: str
    evidently_uri: str = ""
    """The drawn Evidently report, named `….evidently.html`; empty where none was drawn."""
    answers_uri: str = ""
    """The same of the answers that came true."""


class Triaged(Result):
    """What triage made of a night."""

    model: str
    as_of: AwareDatetime
    cause: str
    severity: str
    reasons: tuple[str, ...]
    wants_probe: bool
    diagnosis_uri: str
    diagnosis_digest: str


class Probed(Result):
    """Whether a quick refit would have beaten the champion."""

    model: str
    as_of: AwareDatetime
    improvement: float | None
    lower: float | None
    upper: float | None
    measurement_uri: str
    measurement_digest: str
    seconds: float


class ComparedReleases(Result):
    """Whether a new champion has answered worse than the release that it replaced would have."""

    model: str
    as_of: AwareDatetime
    version: str
    replaced_version: str
    improvement: float | None
    """Positive: the new one is better."""
    lower: float | None
    upper: float | None
    measurement_uri: str
    measurement_digest: str


class Decided(Result):
    """What is done tonight."""

    model: str
    as_of: AwareDatetime
    decision_id: str
    """Also the run id of the training it starts, if it starts one."""
    action: str
    cause: str
    severity: str
    reasons: tuple[str, ...]
    starts_training: bool
    rolls_back_to: str | None = None
    """Version that is to be the champion again."""
    """False too where `retraining.enabled` is false."""
    report_uri: str
