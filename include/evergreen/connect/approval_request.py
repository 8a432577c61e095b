"""What a person reads who is asked whether a challenger may be released: short, in Markdown, with links to all of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evergreen.definitions.words import format_duration
from evergreen.measurement import METRICS, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evergreen.definitions.release import Approval
    from evergreen.measurement import Role, SliceComparison
    from evergreen.results import RegisteredVersion, Verdict

TASK_ID = "approve"
"""The task that asks."""
_ROLES: tuple[Role, ...] = ("challenger", "champion", "baseline")
_MOST_REASONS = 12
_MOST_SLICES = 5
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def request_subject(registered: RegisteredVersion, verdict: Verdict) -> str:
    """Return the question in one line."""
    instead = f"in place of version {verdict.champion_version}" if verdict.champion_version else "as its first champion"
    return f"Release version {registered.version} of {registered.model} {instead}?"


def request_body(
    registered: RegisteredVersion,
    verdict: Verdict,
    measurement: Measurement,
    approval: Approval,
    links: Mapping[str, str],
) -> str:
    """Return the evidence: reasons, metrics, the weakest slices, links, and what happens if nobody answers.

    Args:
        registered: The version to be released.
        verdict: What the gate said.
        measurement: What it said it of.
        approval: How long is waited, and what then.
        links: Addresses by name; empty ones are left out.
    """
    lines = [f"The gate says **{verdict.outcome}** of {plain(verdict.challenger.name)}. Decision `{verdict.decision_id}`.", ""]
    lines += [f"- {plain(reason)}" for reason in verdict.reasons[:_MOST_REASONS]]
    lines += ["", *_metrics(measurement)]
    slices = list(_weakest(measurement))
    if slices:
        lines += ["", "Slices that gain least:", "", *slices]
    shown = [f"[{plain(name)}]({address})" for name, address in links.items() if address]
    if shown:
        lines += ["", " · ".join(shown)]
    lines += ["", f"Without an answer within {format_duration(approval.response_timeout)}: **{approval.default}**."]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: names in it may come from the data."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _metrics(measurement: Measurement) -> Iterator[str]:
    judged = measurement.statistics.metrics
    roles = [role for role in _ROLES if role in judged]
    yield f"| over {measurement.statistics.rows:,} rows of {measurement.statistics.days} days | {' | '.join(roles)} |"
    yield f"|---|{'--:|' * len(roles)}"
    for metric in judged.get("challenger", {}):
        values = (judged[role].get(metric) for role in roles)
        yield f"| {METRICS[metric].title} | {' | '.join('unknown' if v is None else f'{v:.4f}' for v in values)} |"


def _weakest(measurement: Measurement) -> Iterator[str]:
    def gain(piece: SliceComparison) -> float:
        return float("-inf") if piece.improvement is None else piece.improvement

    for piece in sorted(measurement.statistics.slices, key=gain)[:_MOST_SLICES]:
        change = "unknown" if piece.improvement is None else f"{piece.improvement:+.4f}"
        yield f"- {plain(f'{piece.by} = {piece.value}')}: {change} on {piece.rows:,} rows"
