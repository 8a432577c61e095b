"""How a run's results read: what was decided and why, what was released, what was scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

OUTCOME_STYLES = {"promote": "bold green", "keep": "bold yellow", "inconclusive": "bold yellow"}
"""How each verdict is shown."""

SEVERITY_STYLES = {"ok": "green", "warning": "yellow", "critical": "bold red", "unknown": "dim"}
"""How each severity of a night is shown."""

SHOWN_METRICS = ("calibration_error", "log_loss", "roc_auc")
"""Enough for a glance; MLflow has them all."""


def show_training(console: Console, returned: Mapping[str, Any]) -> None:
    """Print a training run's candidates, its verdict with the reasons, and what was released.

    Args:
        console: Where to print.
        returned: What each task returned, by task id.
    """
    _show_candidates(console, returned.get("train") or [])
    verdict = returned.get("gate")
    if verdict:
        show_verdict(console, verdict)
    released = returned.get("release")
    if released:
        before = f", in place of version {released['previous_version']}" if released.get("previous_version") else ""
        console.print(f"released: version {released['version']} is champion{before} ({released['rollout']} rollout)")
    elif verdict:
        console.print("released: nothing")


def show_verdict(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print a verdict with its reasons and where its report is."""
    outcome = str(verdict["outcome"])
    console.print(f"verdict:  [{OUTCOME_STYLES.get(outcome, 'bold')}]{outcome}[/] ({escape(verdict['challenger']['name'])})")
    for reason in verdict["reasons"]:
        console.print(f"  · {escape(reason)}")
    if verdict.get("rows_needed"):
        console.print(f"  · about {verdict['rows_needed']:,} more labelled rows would settle it")
    console.print(f"decision: {verdict['decision_id']}")
    console.print(f"report:   {escape(verdict['report_uri'])}")


def show_scored(console: Console, returned: Mapping[str, Any]) -> None:
    """Print what a scoring run wrote."""
    scored = returned.get("score")
    if not scored:
        console.print("scored:   nothing")
        return
    written = "written" if scored["written"] else "already there, unchanged"
    console.print(
        f"scored:   {scored['rows']:,} rows of {scored['day']} by version {scored['release_version']}: {written}\n"
        f"table:    {escape(scored['uri'])} (version {scored['table_version']})"
    )


def show_night(console: Console, returned: Mapping[str, Any]) -> None:
    """Print what a night of monitoring saw and decided, and the trainings that wait to be started."""
    for check in ("check_quality", "check_drift", "check_performance", "check_operations"):
        seen = returned.get(check)
        if seen:
            style = SEVERITY_STYLES.get(seen["severity"], "bold")
            console.print(f"{seen['kind'] + ':':<13} [{style}]{seen['severity']}[/], {escape(seen['headline'])}")
    decided = returned.get("decide")
    if not decided:
        console.print("decided:      nothing")
        return
    style = SEVERITY_STYLES.get(decided["severity"], "bold")
    console.print(f"decided:      [{style}]{decided['action']}[/] ({decided['cause'].replace('_', ' ')})")
    for reason in decided["reasons"]:
        console.print(f"  · {escape(reason)}")
    console.print(f"decision:     {decided['decision_id']}")
    console.print(f"report:       {escape(decided['report_uri'])}")
    for request in returned.get("due") or []:
        conf = request["conf"]
        console.print(
            f"to train:     evergreen run training {request['trigger_dag_id'].partition('.')[0]} "
            f"--as-of {conf['as_of']} --decision {conf['decision']}"
        )


def _show_candidates(console: Console, candidates: list[Mapping[str, Any]]) -> None:
    for candidate in candidates:
        metrics = "  ".join(
            f"{name} {value:.4f}" for name, value in sorted(candidate["metrics"].items()) if name in SHOWN_METRICS
        )
        console.print(f"candidate {candidate['name']:<20} {escape(metrics)} (out of fold)")
