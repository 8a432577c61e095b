"""How the gateway did: how long callers waited, how many it failed, and whether they still come."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from evergreen.observation import Finding, Severity
from evergreen.stages.check_operations.limits import WARN_AT, largest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from evergreen.definitions.monitoring import Operations
    from evergreen.stages.check_operations.parity import Parity
    from evergreen.tables.served_traffic import DayTraffic

FEWEST_REQUESTS = 30
"""Requests of a usual day below which fewer of them say nothing."""


def traffic_findings(traffic: Mapping[date, DayTraffic], rules: Operations) -> Iterator[Finding]:
    """Yield what is to be said of the gateway's days.

    Args:
        traffic: Per day of the window, in order.
        rules: The thresholds.
    """
    waited = [(day, each.latency_p99_ms) for day, each in traffic.items() if each.latency_p99_ms is not None]
    yield largest("latency", "99 of 100 answers of the gateway", waited, rules.max_latency_ms, "milliseconds")
    yield _errors(traffic, rules.max_error_share)
    yield _requests(traffic, rules.min_traffic_share)


def parity_finding(day: date, found: Parity | None, problem: str = "") -> Finding:
    """Judge whether the gateway's features are those that training would have had; one that differs is a fault.

    Args:
        day: The day whose answers were computed again.
        found: What the comparison found; None where it could not be made.
        problem: Why not.
    """
    subject = "features of the gateway"
    if found is None:
        return Finding(check="parity", subject=subject, severity=Severity.UNKNOWN, limit=0, reason=problem)
    example = f", such as `{found.differences[0].feature}` of {found.differences[0].key}" if found.differences else ""
    return Finding(
        check="parity",
        subject=subject,
        severity=Severity.CRITICAL if found.different else Severity.OK,
        value=found.different,
        limit=0,
        rows=found.answers,
        days=(day,) if found.different else (),
        reason=f"of {found.values:,} features behind {found.answers:,} answers about {day}, {found.different:,} came out "
        f"otherwise when they were computed again{example}",
    )


def _errors(traffic: Mapping[date, DayTraffic], limit: float) -> Finding:
    subject = "requests to the gateway"
    asked = {day: each.requests + each.errors for day, each in traffic.items()}
    shares = {day: each.errors / asked[day] for day, each in traffic.items() if asked[day]}
    if not shares:
        reason = "the gateway was not asked"
        return Finding(check="errors", subject=subject, severity=Severity.OK, limit=limit, reason=reason)
    day = max(shares, key=lambda each: (shares[each], each))
    over = tuple(sorted(each for each, share in shares.items() if share > limit))
    severity = Severity.CRITICAL if over else Severity.WARNING if shares[day] > WARN_AT * limit else Severity.OK
    return Finding(
        check="errors",
        subject=subject,
        severity=severity,
        value=shares[day],
        limit=limit,
        rows=asked[day],
        days=over,
        reason=f"{traffic[day].errors:,} of {asked[day]:,} requests of {day} were not answered, by no fault of the caller "
        f"({shares[day]:.2%}); up to {limit:.2%} is allowed",
    )


def _requests(traffic: Mapping[date, DayTraffic], limit: float) -> Finding:
    """Judge the newest day beside the usual one: that callers stay away is a fault of somebody, though not of the model."""
    subject = "requests to the gateway"
    days = sorted(traffic)
    usual = median(traffic[day].requests for day in days[:-1]) if len(days) > 1 else 0
    if usual < FEWEST_REQUESTS:
        reason = f"a usual day has fewer than {FEWEST_REQUESTS} requests: too few to miss any"
        return Finding(check="traffic", subject=subject, severity=Severity.OK, limit=limit, reason=reason)
    newest = days[-1]
    share = traffic[newest].requests / usual
    return Finding(
        check="traffic",
        subject=subject,
        severity=Severity.WARNING if share < limit else Severity.OK,
        value=share,
        limit=limit,
        rows=traffic[newest].requests,
        days=(newest,) if share < limit else (),
        reason=f"{newest} had {traffic[newest].requests:,} requests, a usual day has {usual:,.0f}; "
        f"at least {limit:.0%} of that is expected",
    )
