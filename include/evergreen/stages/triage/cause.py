"""Why the night looks as it does: the first of these that holds.

A fault of the data explains whatever else is seen on the same rows, a fault of the machinery most of it: they come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evergreen.observation import Cause, CheckKind, Severity
from evergreen.stages.triage.night import MATURITY, sentences

if TYPE_CHECKING:
    from datetime import date

    from evergreen.definitions.monitoring import Monitoring
    from evergreen.observation import Finding
    from evergreen.stages.triage.night import Night


class Explanation(NamedTuple):
    """A cause with its weight and its words."""

    cause: Cause
    severity: Severity
    reasons: tuple[str, ...]
    faulty_days: tuple[date, ...] = ()


def explain(night: Night, monitoring: Monitoring) -> Explanation:
    """Return why a night looks as it does."""
    faults = night.of(CheckKind.QUALITY, Severity.CRITICAL)
    if faults:
        return _upstream_fault(faults)
    if night.subject.release_version is None:
        return Explanation(Cause.NOTHING, Severity.UNKNOWN, ("There is no release yet that could be watched.",))
    broken = night.of(CheckKind.OPERATIONS, Severity.CRITICAL)
    incomplete = [kind for kind in CheckKind if not night.of(kind, *Severity)]
    if incomplete and not (broken and CheckKind.QUALITY not in incomplete):
        return _incomplete(night, incomplete)
    if broken:
        lead = "The machinery is at fault, so the answers say little about the model."
        return Explanation(Cause.SERVICE_FAULT, Severity.CRITICAL, sentences(lead, broken))
    worse = worse_answers(night)
    if worse:
        lead = "The answers have become worse on data without fault."
        return Explanation(Cause.CONCEPT_DRIFT, worse[0].severity, sentences(lead, worse))
    moved = night.lasting(night.alarms(CheckKind.DRIFT), monitoring.persistence)
    if moved:
        return _shift(night, moved, monitoring.persistence)
    return _nothing(night, monitoring.persistence)


def worse_answers(night: Night) -> tuple[Finding, ...]:
    """Return the alarms about how good the answers are."""
    return tuple(finding for finding in night.alarms(CheckKind.PERFORMANCE) if finding.check != MATURITY)


def _upstream_fault(faults: tuple[Finding, ...]) -> Explanation:
    days = tuple(sorted({day for finding in faults for day in finding.days}))
    listed = ", ".join(f"{day:%Y-%m-%d}" for day in days)
    lead = f"The data of {listed} is at fault and is set aside." if days else "The data is at fault."
    return Explanation(Cause.UPSTREAM_FAULT, Severity.CRITICAL, sentences(lead, faults), days)


def _incomplete(night: Night, kinds: list[CheckKind]) -> Explanation:
    names = " and ".join(kind.value for kind in kinds)
    lead = f"The night is incomplete, so nothing is concluded from it: nothing is known of {names}."
    known = [
        finding for kind in CheckKind if kind is not CheckKind.DRIFT for finding in night.of(kind, Severity.CRITICAL)
    ]  # what is critical for sure is told although it is not explained; drift alone never is
    return Explanation(Cause.NOTHING, Severity.CRITICAL if known else Severity.UNKNOWN, sentences(lead, known))


def _shift(night: Night, moved: tuple[Finding, ...], persistence: int) -> Explanation:
    lasted = f"for {persistence} nights or longer" if persistence > 1 else "tonight"
    if night.could_tell:
        lead = f"The data has moved {lasted}, and the answers are as good as they ought to be."
        return Explanation(Cause.COVARIATE_SHIFT, Severity.WARNING, sentences(lead, moved))
    lead = f"The data has moved {lasted}; whether it matters cannot be told before more labels come."
    return Explanation(Cause.LABELS_IMMATURE, Severity.WARNING, sentences(lead, moved))


def _nothing(night: Night, persistence: int) -> Explanation:
    young = night.alarms(CheckKind.DRIFT)
    if young:
        count = f"{len(young)} drift alarm{'s have' if len(young) > 1 else ' has'}"
        lead = f"{count} not lasted for {persistence} nights yet, so no cause is looked for."
        return Explanation(Cause.NOTHING, Severity.WARNING, sentences(lead, young))
    late = night.of(CheckKind.PERFORMANCE, Severity.CRITICAL)
    if late:
        return Explanation(Cause.NOTHING, Severity.WARNING, sentences("The labels do not come as they used to.", late))
    warned = [finding for kind in CheckKind for finding in night.of(kind, Severity.WARNING)]
    if warned:
        return Explanation(Cause.NOTHING, Severity.WARNING, sentences("Nothing is past a limit.", warned))
    if not night.could_tell:
        lead = "Nothing stands out; how good the answers are cannot be told yet."
        unknown = night.of(CheckKind.PERFORMANCE, Severity.UNKNOWN)
        return Explanation(Cause.NOTHING, Severity.UNKNOWN, sentences(lead, unknown))
    return Explanation(Cause.NOTHING, night.worst, ("Nothing stands out.",))
