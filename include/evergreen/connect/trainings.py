"""Trainings that monitoring asked for: which still have to be started, and that one has arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.errors import RequestError

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.observation import NightDecision
    from evergreen.settings import Settings

LONGEST_REASON = 500
"""As the training form allows."""


def training_request(decision_id: str, decision: NightDecision) -> dict[str, Any]:
    """Return what Airflow needs to start the training of one decision.

    The decision's id is the run's id, so that a second start of the same decision finds the first.
    """
    reason = started_because(f"monitoring, night of {decision.as_of:%Y-%m-%d}: {decision.reasons[0]}", None)
    conf = {"as_of": decision.as_of.isoformat(), "reason": reason, "decision": decision_id}
    return {
        "trigger_dag_id": f"{decision.model}.training",
        "trigger_run_id": decision_id,
        "conf": conf,
        "note": started_because(reason, decision_id),
    }


def started_because(reason: str, decision_id: str | None) -> str:
    """Return why a training was started, with the decision it follows, for people; at most as long as a form allows."""
    tail = f" (decision {decision_id})" if decision_id else ""
    longest = LONGEST_REASON - len(tail)
    return (reason if len(reason) <= longest else reason[: longest - 1] + "…") + tail


def pending_trainings(settings: Settings, model: str | None = None) -> list[dict[str, Any]]:
    """Return what Airflow needs to start every training that was decided on and never began, oldest first.

    Args:
        settings: Where decisions are kept.
        model: Only this model's; None: of all models.

    Raises:
        StoreUnavailableError: The database did not answer.
    """
    from evergreen.registry.nights import NightStore, decision_id

    pending = NightStore(settings.database_url).pending(model)
    return [training_request(decision_id(decision), decision) for decision in pending]


def note_arrival(run: Run) -> None:
    """Record that the training of a decision has begun, before it does any work; nothing for a run that follows none.

    Raises:
        RequestError: The decision was answered by another run.
        RegistryError: No night decided so.
        StoreUnavailableError: The database did not answer.
    """
    if run.decision_id is None:
        return
    from evergreen.registry.nights import NightStore

    first = NightStore(run.settings.database_url).arrive(run.decision_id, run.run_id).run_id
    if first != run.run_id:
        raise RequestError(
            "this decision has its training already",
            found=f"decision {run.decision_id}, answered by the run {first}",
            allowed="one training per decision",
            remedy=f"look at the run {first}; leave the parameter decision empty to train regardless",
        )
