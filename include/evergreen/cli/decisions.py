"""`evergreen decisions` and `evergreen replay`: what the gate decided, and whether it would decide so again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import ModelArgument, find_definition, read_settings
from evergreen.cli.console import standard_output
from evergreen.cli.outcome import OUTCOME_STYLES
from evergreen.errors import DigestMismatchError, RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.registry.decisions import DecisionRecord
    from evergreen.settings import Settings

PANEL = "Run and release"
SHOWN = 10
SHORT_ID = 12
"""Characters of a decision's id that are shown; `replay` takes them, or more."""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(rich_help_panel=PANEL)(decisions)
    app.command(rich_help_panel=PANEL)(replay)


def decisions(
    model: ModelArgument,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = SHOWN,
) -> None:
    """List a model's verdicts with their reasons, the newest first.

    Example: evergreen decisions flight_delays -n 3
    """
    from evergreen.registry.decisions import DecisionStore

    settings = read_settings()
    find_definition(model, settings)
    console = standard_output()
    records = DecisionStore(settings.database_url).list(model, limit=limit)
    if not records:
        console.print(f"{model}: no decision yet; run its training first")
    for record in records:
        _show(console, record)


def replay(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Id of a decision, or how it begins.")],
) -> None:
    """Decide again from a decision's stored measurement, and compare. Exits with 1 when the answer differs.

    Needs no data, no model and no clock: only what was measured then, and the thresholds that were in force. What the
    challenger did in its rollout is decided on again as well.

    Example: evergreen replay 3fa09c1b24d7
    """
    from evergreen.definitions import load_definition
    from evergreen.digests import digest_bytes
    from evergreen.files import Files
    from evergreen.stages.gate import read_ruling
    from evergreen.stages.gate import replay as decide_again

    settings = read_settings()
    record = _find(decision, settings)
    definition = load_definition(settings.definitions_dir / record.model)
    files = Files.from_settings(settings)
    measured = files.read_bytes(record.measurement_uri)
    if digest_bytes(measured) != record.measurement_digest:
        raise DigestMismatchError(
            "the stored measurement is not the one that was decided on",
            found=f"digest {digest_bytes(measured)} at {record.measurement_uri}",
            allowed=record.measurement_digest,
            remedy="find out who changed it, and restore it from a backup",
        )
    console = standard_output()
    _show(console, record)
    again = decide_again(measured, read_ruling(definition, record, files).rules)
    if definition.digest("gate") != record.gate_digest:
        console.print("the thresholds in model.yaml have changed since; these are the ones of then")
    same = again.outcome == record.outcome and again.reasons == record.reasons
    console.print(f"decided again: {again.outcome} ({'the same, word for word' if same else 'it differs'})")
    if not same:
        for reason in again.reasons:
            console.print(f"  · {escape(reason)}")
    if not (_replay_trials(record, settings, console) and same):
        raise typer.Exit(1)


def _replay_trials(record: DecisionRecord, settings: Settings, console: Console) -> bool:
    """Decide again on what the challenger did in its rollout, where it had one; return whether all comes to the same."""
    from evergreen.stages.rollout import kept_trials

    all_same = True
    for trial, same in kept_trials(record.model, record.id, settings):
        step, decision = trial.evidence.step, trial.decision
        all_same &= same
        console.print(
            f"trial, step {step.number} of {step.steps}, {trial.evidence.looked_at:%Y-%m-%d %H:%M} UTC: {decision.outcome} "
            f"({'the same, word for word' if same else 'it differs'})"
        )
        console.print(f"  · {escape(decision.reasons[0])}")
    return all_same


def _find(decision: str, settings: Settings) -> DecisionRecord:
    from evergreen.cli.arguments import model_names
    from evergreen.registry.decisions import DecisionStore

    store = DecisionStore(settings.database_url)
    exact = store.get(decision)
    if exact is not None:
        return exact
    known = [record for name in model_names(settings.definitions_dir) for record in store.list(name)]
    found = [record for record in known if record.id.startswith(decision)]
    if len(found) == 1:
        return found[0]
    raise RequestError(
        f"{'more than one' if found else 'no'} decision begins with {decision!r}",
        found=", ".join(record.id for record in found[:5]) or f"{len(known)} decisions, none of them so named",
        allowed="the id of one decision, or its beginning",
        remedy="list them with `evergreen decisions MODEL`",
    )


def _show(console: Console, record: DecisionRecord) -> None:
    against = f"champion version {record.champion_version}" if record.champion_version else "no champion yet"
    console.print(
        f"{record.id[:SHORT_ID]}  as of {record.as_of:%Y-%m-%d %H:%M} UTC  "
        f"[{OUTCOME_STYLES[record.outcome]}]{record.outcome}[/]  {record.challenger_name} against {against}"
    )
    for reason in record.reasons:
        console.print(f"  · {escape(reason)}")
