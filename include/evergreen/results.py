"""What stages hand on: small frozen values with addresses, versions, digests and counts; never rows."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Result(BaseModel):
    """Base of every value a stage returns; crosses tasks as plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_xcom(self) -> dict[str, Any]:
        """Return the value as JSON types, fit for an XCom."""
        return self.model_dump(mode="json")

    @classmethod
    def from_xcom(cls, value: object) -> Self:
        """Restore the value from what `to_xcom` returned."""
        return cls.model_validate(value)


def canonical_bytes(value: Result) -> bytes:
    """Return a value as canonical JSON: sorted keys, finite numbers, no spaces; the same value, the same bytes."""
    return json.dumps(value.to_xcom(), sort_keys=True, allow_nan=False, separators=(",", ":")).encode()


class TableVersion(Result):
    """One table as one run saw it."""

    table: str
    uri: str
    version: int
    """Delta version that holds these rows."""
    digest: str
    """Digest over (day, content digest) of every day the run may read."""
    first_day: date
    last_day: date
    days: int
    rows: int


class Snapshot(Result):
    """The raw rows a run uses: one version of each table."""

    model: str
    as_of: AwareDatetime
    first_day: date
    """First day of the window."""
    last_day: date
    """Last day a file may belong to: the local day of `as_of`."""
    tables: dict[str, TableVersion]
    digest: str
    written_days: int
    """Day partitions written by the run that made this snapshot; unchanged days are not rewritten."""


class CheckOutcome(StrEnum):
    """How one check of the data came out."""

    PASSED = "passed"
    WARNED = "warned"
    QUARANTINED = "quarantined"
    FAILED = "failed"


class Check(Result):
    """One check of the data: what was found against what is allowed."""

    table: str
    name: str
    """An expectation's class name, or words for a rule of the contract."""
    target: str
    """The column or columns it is about; empty for the whole table."""
    outcome: CheckOutcome
    found: str
    allowed: str
    rows: int = 0
    """Rows that broke it, where it is about rows."""
    days: tuple[date, ...] = ()
    """Days that broke it; the first ten."""
    examples: tuple[str, ...] = ()
    """Rows or values that broke it; the first five."""


class ValidatedSnapshot(Result):
    """A snapshot whose expectations hold, with the rows that did not set aside."""

    snapshot: Snapshot
    quarantine: dict[str, TableVersion]
    """Per table that has any: the quarantine table, rows keyed by `_row_id` with `_reasons`."""
    quarantined_rows: dict[str, int]
    warnings: tuple[str, ...]
    report_uri: str
    digest: str
    """Digest of the snapshot and of what was quarantined; the input digest of later stages."""


class FeatureSet(Result):
    """Features by day, point-in-time correct, with labels where they have matured."""

    model: str
    as_of: AwareDatetime
    uri: str
    version: int
    digest: str
    first_day: date
    last_day: date
    rows: int
    labelled_rows: int
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    slice_columns: tuple[str, ...]
    """Columns the gate may slice by; kept as text under `_slice_<column>`."""
    labels_uri: str
    labels_version: int
    source_digest: str
    """Digest of features.py."""
    source: str
    """Text of features.py, which travels with the release."""
    layout_digest: str
    """Digest of the `FeatureLayout`: what of model.yaml decides about features, which travels with the release as well."""
    snapshot_digest: str
    built_days: int
    """Days computed by this run; the others were already there."""
    excluded_days: tuple[date, ...] = ()
    """Days whose rows nobody learns from or judges on; their features are there all the same."""


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


class ScoredDay(Result):
    """One day of predictions."""

    model: str
    day: date
    release_version: str
    bundle_digest: str
    uri: str
    table_version: int
    rows: int
    digest: str
    written: bool
    """False when these very predictions were what the day said last."""
    caught_up: tuple[date, ...] = ()
    """Earlier days that nobody had scored, scored in the same night."""
    copied_to: str = ""
    """The database and table that hold the answers as well; empty where the definition names none."""


class Materialized(Result):
    """Online inputs of one release at one night, as the gateway will read them."""

    model: str
    release_version: str
    features_key: str
    """Which features they are for; releases of the same code and layout share them."""
    as_of: AwareDatetime
    """The night of the entity features."""
    uri: str
    digest: str
    entity_rows: dict[str, int]
    """Rows of each entity frame."""
    joined_rows: dict[str, int]
    """Rows kept of each joined table: those that a moment of prediction may find."""
    compared_rows: int
    """Rows of the night whose features came out alike, asked for as a request and built as a batch."""
    published: bool
    """False when these very inputs were what the night said already."""


class Collected(Result):
    """What one night of monitoring looks at: the champion, its answers, and the outcomes known by then."""

    model: str
    as_of: AwareDatetime
    champion: ChampionVersion | None
    """The release that is watched; None before the first."""
    released_at: AwareDatetime | None
    """When it became champion, by the as-of of its decision."""
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
    """False too where `retraining.enabled` is false."""
    report_uri: str
