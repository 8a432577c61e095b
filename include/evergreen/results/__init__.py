"""What stages hand on: small frozen values with addresses, versions, digests and counts; never rows."""

from evergreen.results.answers import Materialized, ScoredDay
from evergreen.results.data import Check, CheckOutcome, FeatureSet, Snapshot, TableVersion, ValidatedSnapshot
from evergreen.results.nights import CheckedNight, Collected, ComparedReleases, Decided, Probed, Triaged
from evergreen.results.releases import (
    Candidate,
    ChampionVersion,
    Evaluation,
    Outcome,
    RegisteredVersion,
    Release,
    RolloutLook,
    SmokeTest,
    Verdict,
)
from evergreen.results.result import Result, canonical_bytes

__all__ = [
    "Candidate",
    "ChampionVersion",
    "Check",
    "CheckOutcome",
    "CheckedNight",
    "Collected",
    "ComparedReleases",
    "Decided",
    "Evaluation",
    "FeatureSet",
    "Materialized",
    "Outcome",
    "Probed",
    "RegisteredVersion",
    "Release",
    "Result",
    "RolloutLook",
    "ScoredDay",
    "SmokeTest",
    "Snapshot",
    "TableVersion",
    "Triaged",
    "ValidatedSnapshot",
    "Verdict",
    "canonical_bytes",
]
