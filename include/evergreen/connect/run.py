"""What a task knows of its run: the definition, where things are, the as-of and the asked-for changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from evergreen.definitions import ModelDefinition, load_definition
from evergreen.definitions.problems import nearest
from evergreen.errors import RequestError
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_DATE = "none"
_BY_RUN = ", run "
AS_OF_PATTERN = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$"
"""How a form, and so whoever fills it in, writes an as-of."""


@dataclass(frozen=True)
class Run:
    """One DAG run, resolved."""

    definition: ModelDefinition
    settings: Settings
    as_of: datetime
    force: bool
    dry_run: bool
    reason: str
    run_id: str
    triggered_by: str | None = None
    decision_id: str | None = None
    """The decision of monitoring that this training follows; None where a person or the clock asked for it."""
    asked_at: datetime | None = None
    """From when on it might run: for a run by hand the moment at which it was triggered."""

    @property
    def actor(self) -> str:
        """Who moves the champion when this run does: the person who triggered it, if any, and the run."""
        return f"{self.triggered_by or 'airflow'}{_BY_RUN}{self.run_id}"


def run_id_of(actor: str) -> str | None:
    """Return the id of the run that `Run.actor` names, None for an actor that is no run."""
    _, by_run, run_id = actor.partition(_BY_RUN)
    return run_id if by_run else None


def current_run() -> Run:
    """Resolve the run of the task that is executing."""
    from airflow.sdk import get_current_context

    context = get_current_context()
    dag_run = context["dag_run"]
    settings = Settings()
    params = context["params"]
    require_known(dag_run.conf or {}, context["dag"].params)
    definition = load_definition(settings.definitions_dir / dag_run.dag_id.partition(".")[0])
    return Run(
        definition=with_overrides(definition, params),
        settings=settings,
        as_of=resolve_as_of(definition, params.get("as_of"), dag_run.data_interval_end or dag_run.run_after),
        force=bool(params.get("force", False)),
        dry_run=bool(params.get("dry_run", False)),
        reason=str(params.get("reason") or dag_run.run_type),
        run_id=dag_run.run_id,
        triggered_by=dag_run.triggering_user_name,
        decision_id=params.get("decision") or None,
        asked_at=dag_run.run_after,
    )


def require_known(conf: Iterable[str], params: Iterable[str]) -> None:
    """Refuse a run parameter that the form does not have: Airflow takes it, and nobody would ever look at it.

    Args:
        conf: Names that the run was triggered with.
        params: Names of the form's fields.

    Raises:
        RequestError: One is unknown.
    """
    known = sorted(params)
    unknown = sorted(set(conf) - set(known))
    if unknown:
        raise RequestError(
            "a run parameter is unknown",
            found=", ".join(unknown),
            allowed=", ".join(known),
            remedy=nearest(unknown[0], known) or "correct its name",
        )


def asked_for(name: str) -> Any:
    """Return a field of the form that the run was triggered with, None where it has none of that name."""
    from airflow.sdk import get_current_context

    return get_current_context()["params"].get(name)


def resolve_as_of(definition: ModelDefinition, asked: str | None, scheduled: datetime) -> datetime:
    """Return the moment a run pretends it is.

    A plain date means the definition's nightly moment of that day. A scheduled run, backfilled or not, stands at the newest
    nightly moment of its data interval, so that two DAGs of one night see the same world.

    Raises:
        RequestError: `asked` is no date and no moment with a time zone, or lies before the first day.
    """
    as_of = _parse_as_of(definition, asked) if asked else definition.schedule.latest_moment(scheduled)
    if as_of <= definition.schedule.moment(definition.data.first_day):
        raise RequestError(
            "the as-of lies before the history begins",
            found=as_of.isoformat(),
            allowed=f"a moment after {definition.schedule.moment(definition.data.first_day).isoformat()}",
            remedy="ask for a later as-of, or set data.first_day in model.yaml",
        )
    return as_of


def _parse_as_of(definition: ModelDefinition, asked: str) -> datetime:
    try:
        if len(asked) == len("2013-01-31"):
            return definition.schedule.moment(date.fromisoformat(asked))
        moment = datetime.fromisoformat(asked)
        if moment.tzinfo is None:
            raise ValueError(NO_DATE)
    except ValueError as error:
        raise RequestError(
            "the as-of cannot be read",
            found=repr(asked),
            allowed="a date such as 2013-04-01, or a moment with its offset such as 2013-04-01T07:00:00+00:00",
            remedy="correct the parameter as_of and trigger the run again",
        ) from error
    return moment


def with_overrides(definition: ModelDefinition, params: Mapping[str, Any]) -> ModelDefinition:
    """Return the definition as this run's form changes it: window, candidates, trials.

    Raises:
        RequestError: A value is not allowed by the definition's own rules.
    """
    from pydantic import ValidationError

    training = definition.training.model_dump()
    training |= {name: params[name] for name in ("window", "candidates") if params.get(name)}
    if params.get("trials"):
        training["search"] = {**training["search"], "trials": params["trials"]}
    try:
        return definition.model_copy(update={"training": type(definition.training).model_validate(training)})
    except ValidationError as error:
        first = error.errors()[0]
        raise RequestError(
            f"the run parameter {'.'.join(str(part) for part in first['loc'])} is not allowed",
            found=repr(first["input"]),
            allowed=first["msg"],
            remedy="correct the parameter and trigger the run again",
        ) from error
