"""What training and release hand on: candidates, verdicts, versions, champions, trials."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from evergreen.results.result import Result


class Candidate(Result):
    """One trained model, not yet judged."""

    name: str
    """`baseline`, `logistic_regression` or `xgboost`."""
    bundle_uri: str
    """Folder of model bytes and manifest, named by its digest."""
    bundle_digest: str
    trained_from: AwareDatetime
    trained_through: AwareDatetime
    """Event time of the newest row the model has seen in any way: the watermark."""
    training_rows: int
    features_digest: str
    mlflow_run_id: str
    metrics: dict[str, float]
    """Out-of-fold metrics of the time-ordered validation, by name."""
    seconds: float
    """Wall time of the run that trained it; a repeated run shows the first one's."""


class Evaluation(Result):
    """Everything measured about a challenger, ready to be decided on."""

    model: str
    as_of: AwareDatetime
    challenger: Candidate
    baseline: Candidate
    champion_version: str | None
    measurement_uri: str
    measurement_digest: str
    holdout_digest: str
    holdout_rows: int
    report_uri: str
    predictions_uri: str = ""
    """Parquet file of the judged rows: `key`, `day`, `event_time`, `label`, one probability column per judged role."""


class Outcome(StrEnum):
    """What the gate may say."""

    PROMOTE = "promote"
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"


class Verdict(Result):
    """The gate's answer, with reasons in words, kept as a decision record."""

    model: str
    as_of: AwareDatetime
    outcome: Outcome
    reasons: tuple[str, ...] = Field(min_length=1)
    decision_id: str
    challenger: Candidate
    champion_version: str | None
    measurement_uri: str
    report_uri: str
    rows_needed: int | None = None
    """For `inconclusive`: about how many more matured holdout rows would settle it."""


class RegisteredVersion(Result):
    """A challenger as an MLflow model version."""

    model: str
    version: str
    bundle_digest: str
    bundle_uri: str
    decision_id: str
    mlflow_run_id: str


class SmokeTest(Result):
    """What a fresh process saw when it loaded a release as the gateway will."""

    registered: RegisteredVersion
    rows: int
    max_difference: float
    """Largest absolute difference from the stored predictions."""
    load_seconds: float
    single_row_p50_ms: float
    single_row_p99_ms: float
    peak_memory_mb: float
    pyfunc_max_difference: float
    """The same, scored by plain MLflow without this package."""


class ChampionVersion(Result):
    """A registered version as the registry knows it, with the digest its decision record vouches for."""

    model: str
    version: str
    bundle_uri: str
    bundle_digest: str
    decision_id: str
    mlflow_run_id: str
    trained_through: AwareDatetime
    features_source_digest: str


class Release(Result):
    """The version that is served, and the one to go back to."""

    model: str
    version: str
    previous_version: str | None
    bundle_digest: str
    decision_id: str
    rollout: str


class RolloutLook(Result):
    """What a look at the answers of a challenger on trial came to."""

    model: str
    rollout_id: str
    """The decision that promotes the challenger."""
    version: str
    step: int
    outcome: Literal["wait", "pass", "roll_back", "promoted", "rolled_back"]
    """`wait`: it is too early. `pass`: the step is over. `roll_back`: the challenger is to be taken back. `promoted` and
    `rolled_back`: somebody else has ended the rollout."""
    reasons: tuple[str, ...]
    requests: int
    """Requests that the challenger was asked in this step."""
    evidence_uri: str = ""
    evidence_digest: str = ""
    report_uri: str = ""
