"""Tonight's findings side by side, and how long each alarm has lasted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from evergreen.errors import RequestError
from evergreen.measurement import METRICS, direction
from evergreen.observation import SEVERITIES, CheckKind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.observation import Finding, Observation, PastNight

MATURITY = "maturity"
"""The check that says how many labels have come: no measure of how good the answers are."""
METRIC = "metric"
"""The check of a watched metric, whose subject is the metric's name."""
MOST_SENTENCES = 3
"""Findings of one kind that are told in words; the rest is counted."""


@dataclass(frozen=True)
class Night:
    """What the checks saw tonight, beside what was an alarm in the nights before.

    Args:
        observations: By kind of check; one that is missing could not be made.
        past: Earlier nights, newest first.
    """

    observations: Mapping[CheckKind, Observation]
    past: Sequence[PastNight]

    @cached_property
    def subject(self) -> Observation:
        """Any of the observations: all are of one model, moment and release.

        Raises:
            RequestError: There is none, or they are of different nights.
        """
        about = {(seen.model, seen.as_of, seen.release_version, seen.bundle_digest) for seen in self.observations.values()}
        if len(about) != 1 or any(seen.kind is not kind for kind, seen in self.observations.items()):
            found = [f"{kind}: {seen.model} {seen.release_version} {seen.as_of}" for kind, seen in self.observations.items()]
            raise RequestError(
                "a night cannot be diagnosed from these observations",
                found="; ".join(found) or "none at all",
                allowed="observations of one model, one moment and one release, each under its own kind",
                remedy="clear the checks of this night so that they run again",
            )
        return next(iter(self.observations.values()))

    @cached_property
    def same_release(self) -> Sequence[PastNight]:
        """The unbroken row of nights before this one that watched the release of tonight, newest first."""
        watched = self.subject.release_version
        other = (number for number, night in enumerate(self.past) if night.release_version != watched)
        return self.past[: next(other, len(self.past))]

    def of(self, kind: CheckKind, *severities: Severity) -> tuple[Finding, ...]:
        """Return the findings of one kind and some severities."""
        seen = self.observations.get(kind)
        return () if seen is None else seen.at(*severities)

    def alarms(self, kind: CheckKind) -> tuple[Finding, ...]:
        """Return what is critical, then what is past its limit perhaps by chance, or was an alarm and is still warned about.

        How good the answers are is told by few independent days: waiting for certainty would be waiting for weeks. A metric
        that is past its limit is reason enough to ask the probe, which costs seconds, and for nothing else.
        """
        last = self.same_release[0].alarms if self.same_release else ()
        held = (finding for finding in self.of(kind, Severity.WARNING) if key(finding) in last or _is_past_limit(finding))
        return (*self.of(kind, Severity.CRITICAL), *held)

    def nights(self, finding: Finding) -> int:
        """Return for how many nights in a row an alarm has lasted, tonight among them."""
        quiet = (number for number, night in enumerate(self.same_release) if key(finding) not in night.alarms)
        return 1 + next(quiet, len(self.same_release))

    def lasting(self, findings: Sequence[Finding], least: int) -> tuple[Finding, ...]:
        """Return the alarms that have lasted for so many nights."""
        return tuple(finding for finding in findings if self.nights(finding) >= least)

    @property
    def could_tell(self) -> bool:
        """Whether performance could be told: by at least one metric, with labels that arrive as they do."""
        told = self.of(CheckKind.PERFORMANCE, Severity.OK, Severity.WARNING, Severity.CRITICAL)
        late = any(finding.check == MATURITY for finding in self.of(CheckKind.PERFORMANCE, Severity.CRITICAL))
        return not late and any(finding.check == METRIC for finding in told)

    @property
    def worst(self) -> Severity:
        """The worst severity of all findings; unknown where nothing was looked at."""
        found = {finding.severity for seen in self.observations.values() for finding in seen.findings}
        return next((severity for severity in SEVERITIES if severity in found), Severity.UNKNOWN)


def _is_past_limit(finding: Finding) -> bool:
    """Return whether a watched metric itself, whatever its bounds, is worse than its limit."""
    if finding.check != METRIC or finding.value is None or finding.limit is None:
        return False
    metric = next((name for name in METRICS if name == finding.subject), None)
    return metric is not None and direction(metric) * (finding.value - finding.limit) < 0


def key(finding: Finding) -> str:
    """Return what an alarm is counted by."""
    return f"{finding.check}:{finding.subject}"


def sentences(lead: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return what is concluded and the findings in words: the first one with its figures beside the conclusion, few more."""
    told = [as_sentence(finding.reason) for finding in findings[:MOST_SENTENCES]]
    rest = len(findings) - MOST_SENTENCES
    if rest > 0:
        told.append(f"{rest} more like {'this' if rest == 1 else 'these'}.")
    return (" ".join([lead, *told[:1]]), *told[1:])


def as_sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
