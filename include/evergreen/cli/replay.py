"""`evergreen replay`: would the gate, a trial or a night of monitoring decide so again?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from evergreen.cli.arguments import read_settings
from evergreen.cli.console import standard_output
from evergreen.cli.decisions import PANEL, SHORT_ID, show_decision
from evergreen.cli.outcome import SEVERITY_STYLES
from evergreen.errors import DigestMismatchError, RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.observation import NightDecision
    from evergreen.registry.decisions import DecisionRecord
    from evergreen.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=PANEL)(replay)


def replay(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Id of a decision, or how it begins.")],
) -> None:
    """Decide again from what was kept of a decision, and compare. Exits with 1 when the answer differs.

    A verdict of the gate is made again from its measurement, with what its challenger did in its rollout; a night of monitoring
    from its diagnosis, what was compared, and the nights before. Needs no data, no model and no clock: the rules are those that
    were in force then.

    Example: evergreen replay 3fa09c1b24d7
    """
    from evergreen.observation import NightDecision

    settings, console = read_settings(), standard_output()
    found = _find(decision, settings)
    if isinstance(found, NightDecision):
        same = _replay_night(found, settings, console)
    else:
        same = _replay_verdict(found, settings, console)
    if not same:
        raise typer.Exit(1)


def _replay_verdict(record: DecisionRecord, settings: Settings, console: Console) -> bool:
    from evergreen.definitions import load_definition
    from evergreen.digests import digest_bytes
    from evergreen.files import Files
    from evergreen.stages.gate import read_ruling
    from evergreen.stages.gate import replay as decide_again
    from evergreen.tables.erased import read_notes

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
    show_decision(console, record)
    for note in read_notes(record.measurement_uri.rpartition("/")[0], files):
        told = f"rows it was measured on were erased on {note.erased_at:%Y-%m-%d} by {note.actor}: it is decided again from its"
        console.print(f"{told} measurement, which cannot be taken again", markup=False)
    again = decide_again(measured, read_ruling(definition, record, files).rules)
    if definition.digest("gate") != record.gate_digest:
        console.print("the thresholds in model.yaml have changed since; these are the ones of then")
    same = again.outcome == record.outcome and again.reasons == record.reasons
    _compare(console, again.outcome, again.reasons, same=same)
    return _replay_trials(record, settings, console) and same


def _replay_trials(record: DecisionRecord, settings: Settings, console: Console) -> bool:
    """Decide again on what the challenger did in its rollout, where it had one; return whether all comes to the same."""
    from evergreen.stages.rollout import kept_trials

    all_same = True
    for trial, same in kept_trials(record.model, record.id, settings):
        step, decision = trial.evidence.step, trial.decision
        all_same &= same
        console.print(
            f"trial, step {step.number} of {step.steps}, {trial.evidence.looked_at:%Y-%m-%d %H:%M} UTC: {decision.outcome} "
            f"({_word(same=same)})"
        )
        console.print(f"  · {escape(decision.reasons[0])}")
    return all_same


def _replay_night(night: NightDecision, settings: Settings, console: Console) -> bool:
    from evergreen.registry.nights import decision_id
    from evergreen.stages.retrain import replay as decide_again

    style = SEVERITY_STYLES.get(night.severity, "bold")
    cause = night.cause.replace("_", " ")
    console.print(
        f"{decision_id(night)[:SHORT_ID]}  night of {night.as_of:%Y-%m-%d %H:%M} UTC  [{style}]{night.action}[/]  {cause}"
    )
    for reason in night.reasons:
        console.print(f"  · {escape(reason)}")
    again = decide_again(night, settings)
    _compare(console, again.decision.action, again.decision.reasons, same=again.same)
    return again.same


def _compare(console: Console, outcome: str, reasons: tuple[str, ...], *, same: bool) -> None:
    console.print(f"decided again: {outcome} ({_word(same=same)})")
    if not same:
        for reason in reasons:
            console.print(f"  · {escape(reason)}")


def _word(*, same: bool) -> str:
    return "the same, word for word" if same else "it differs"


def _find(decision: str, settings: Settings) -> DecisionRecord | NightDecision:
    from evergreen.registry.decisions import DecisionStore
    from evergreen.registry.nights import NightStore

    stores = (DecisionStore(settings.database_url), NightStore(settings.database_url))
    for store in stores:
        exact = store.get(decision)
        if exact is not None:
            return exact
    found = [each for store in stores for each in store.beginning_with(decision)]
    if len(found) == 1:
        return found[0]
    raise RequestError(
        f"{'more than one' if found else 'no'} decision begins with {decision!r}",
        found="at least two of them" if found else "none, of the gate or of a night",
        allowed="the id of one decision, or its beginning",
        remedy="list them: `evergreen decisions MODEL` for the gate, `evergreen status MODEL` for the nights",
    )
