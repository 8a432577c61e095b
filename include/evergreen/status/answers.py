"""What the status queries answer: small frozen values for the command line, the plugin's pages and the docs."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import AwareDatetime

from evergreen.registry.decisions import DecisionRecord
from evergreen.registry.rollout_events import RolloutEvent
from evergreen.registry.timeline import ReleaseEvent
from evergreen.results import Candidate, ChampionVersion, Evaluation, Result


class AliasState(Result):
    """What MLflow shows beside what our own books say."""

    expected: dict[str, str]
    """Versions by alias as they should be: `champion`, `previous`."""
    shown: dict[str, str] | None
    """As MLflow has them; None when it did not answer."""
    drift: tuple[str, ...]
    """One sentence per alias that somebody moved, or that a crash left behind; empty when all is well."""


class ValidationNight(Result):
    """The newest run of validation."""

    as_of: AwareDatetime
    failed: tuple[str, ...]
    """Checks that failed, as `table: check target`."""
    warned: tuple[str, ...]
    checks: int
    quarantined_rows: dict[str, int]
    """Rows set aside of the newest run's new rows, by table that has any."""
    report_uri: str


class ScoredDays(Result):
    """What `predictions` holds."""

    days: int
    rows: int
    """All scorings of a day together."""
    first_day: date | None
    last_day: date | None
    missing_days: tuple[date, ...]
    """The newest days between the first and the last that were never scored, at most ten."""


class WatchedNight(Result):
    """What monitoring decided in one night."""

    decision_id: str
    as_of: AwareDatetime
    cause: str
    action: str
    severity: str
    reasons: tuple[str, ...]
    starts_training: bool
    report_uri: str


class PastEvent(Result):
    """One line of a model's history: a release, or an event of a rollout."""

    happened_at: AwareDatetime
    kind: Literal["release", "rollout"]
    action: str
    """`promote` or `rollback`; or of a rollout `step`, `pause`, `resume`, `promoted` or `rolled_back`."""
    version: str
    what: str
    """In words."""
    actor: str
    why: str
    report_uri: str = ""
    """The page of what it was decided on, where something was."""


class DiskUse(Result):
    """Bytes of a model's local stores; S3 is not asked."""

    tables_bytes: int
    artifacts_bytes: int
    results_bytes: int
    reports_bytes: int


class ModelStatus(Result):
    """Everything there is to say about one model, read from our own books and files."""

    model: str
    title: str
    owner: str
    champion: ChampionVersion | None
    previous: ChampionVersion | None
    """Where a rollback would go."""
    rollout: RolloutEvent | None
    """Where the rollout of a challenger stands, also when it has expired and nobody has ended it; None while there is none."""
    rollout_since: AwareDatetime | None
    """When its present step began."""
    aliases: AliasState
    timeline: tuple[ReleaseEvent, ...]
    """The champion's moves, newest first."""
    decisions: tuple[DecisionRecord, ...]
    """Newest first, with their reasons."""
    candidates: tuple[Candidate, ...]
    """The newest trained candidate of each name."""
    evaluation: Evaluation | None
    """The newest evaluation."""
    validation: ValidationNight | None
    nights: tuple[WatchedNight, ...]
    """What monitoring decided, newest first."""
    scored: ScoredDays
    disk: DiskUse | None
    """None where everything is on S3."""
