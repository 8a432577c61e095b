"""`evergreen status`: what serves, since when, and what the last nights did."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.cli.gateway_lines import gateway_lines
from evergreen.cli.outcome import OUTCOME_STYLES, SEVERITY_STYLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.results import ChampionVersion
    from evergreen.status.answers import ModelStatus

SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel="Run and release")(status)


def status(
    model: ModelArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for a program to read.")] = False,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many moves and decisions to show.")] = SHOWN,
) -> None:
    """Show a model's champion, the way back, a challenger on trial, the last decisions and nights, and what was scored.

    Example: evergreen status flight_delays
    """
    from evergreen.status.queries import model_status

    settings = read_settings()
    found = model_status(settings, find_definition(model, settings), last=last)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    console = standard_output()
    console.print(f"{found.model}: {found.title}", style="bold", markup=False)
    for subject, line in _lines(found):
        console.print(f"  {subject:<12} {line}")
    for line in gateway_lines(settings, model):
        console.print(f"  {'gateway':<12} {line}")


def _lines(found: ModelStatus) -> Iterator[tuple[str, str]]:
    from evergreen.status.rollouts import standing_in_words

    yield "champion", _version(found.champion) if found.champion else "none yet"
    after = "" if found.rollout is None else ", after a first one has ended the trial"
    yield "previous", f"version {found.previous.version}: where a rollback goes{after}" if found.previous else "none"
    if found.rollout is not None and found.rollout_since is not None:
        yield "on trial", escape(standing_in_words(found.rollout, found.rollout_since, datetime.now(UTC)))
    for sentence in found.aliases.drift:
        yield "MLflow", f"[yellow]{escape(sentence)}[/]"
    if found.aliases.shown is None:
        yield "MLflow", "did not answer"
    for event in found.timeline:
        why = f": {escape(shorten(event.reason, 120, placeholder=' …'))}" if event.reason else ""
        yield "moved", f"{event.happened_at:%Y-%m-%d %H:%M} UTC {event.action} to version {event.version} by {event.actor}{why}"
    for record in found.decisions:
        outcome = f"[{OUTCOME_STYLES[record.outcome]}]{record.outcome}[/]"
        yield "decided", f"{record.id[:12]} as of {record.as_of:%Y-%m-%d}: {outcome}, {escape(record.reasons[0])}"
    for candidate in found.candidates:
        auc = candidate.metrics.get("roc_auc")
        measured = "" if auc is None else f", roc_auc {auc:.4f} out of fold"
        yield (
            "trained",
            f"{candidate.name} on {candidate.training_rows:,} rows through {candidate.trained_through:%Y-%m-%d}{measured}",
        )
    for watched in found.nights:
        cause = "" if watched.cause == "nothing" else f" ({watched.cause.replace('_', ' ')})"
        style = SEVERITY_STYLES.get(watched.severity, "bold")
        what = f"[{style}]{watched.action}[/]{cause}"
        yield "watched", f"{watched.decision_id[:12]} as of {watched.as_of:%Y-%m-%d}: {what}, {escape(watched.reasons[0])}"
    yield from _nights(found)


def _version(champion: ChampionVersion) -> str:
    return (
        f"version {champion.version}, trained through {champion.trained_through:%Y-%m-%d}, "
        f"bundle {champion.bundle_digest[:12]}, decision {champion.decision_id[:12]}"
    )


def _nights(found: ModelStatus) -> Iterator[tuple[str, str]]:
    night = found.validation
    if night is None:
        yield "validated", "never"
    else:
        ended = f"{len(night.failed)} failed, {len(night.warned)} warned of {night.checks} checks"
        aside = "".join(f", {rows:,} rows of {table} set aside" for table, rows in night.quarantined_rows.items())
        yield "validated", f"as of {night.as_of:%Y-%m-%d}: {ended}{aside}"
        yield from (("", f"[red]{escape(check)}[/]") for check in night.failed[:5])
    scored = found.scored
    if scored.days:
        gaps = f"; never: {', '.join(str(day) for day in scored.missing_days)}" if scored.missing_days else ""
        yield "scored", f"{scored.rows:,} rows on {scored.days} days, {scored.first_day} to {scored.last_day}{gaps}"
    else:
        yield "scored", "nothing yet"
    if found.disk is not None:
        total = sum(found.disk.model_dump().values())
        yield "disk", f"{total / 1e6:,.0f} MB, of which tables {found.disk.tables_bytes / 1e6:,.0f} MB"
