"""When a model may have something to say: a run failed or succeeded again, a run is late, nobody watched."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from evergreen.connect.alerts.incident import of_deadline, of_run
from evergreen.connect.alerts.plain_notifier import PlainNotifier
from evergreen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.connect.alerts.incident import Incident
    from evergreen.connect.alerts.speaking import Spoken
    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition

_log = logging.getLogger(__name__)


class RunFailed(PlainNotifier):
    """Speaks when a DAG run failed; `on_failure_callback` of every DAG."""

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell where it failed and where its log is."""
        dag_id, run_id = str(context["dag"].dag_id), str(context["run_id"])
        model, _, kind = dag_id.partition(".")
        instance = context.get("task_instance") or context.get("ti")
        failed_in = str(instance.task_id) if instance is not None else "no task"
        tell(of_run(model, kind, failed_in=failed_in, link=run_page(dag_id, run_id)))


class RunSucceeded(PlainNotifier):
    """Ends the incidents that a run's success ends; `on_success_callback` of every DAG, silent where none is open."""

    def notify(self, context: Mapping[str, Any]) -> None:
        """Tell, once, that it works again."""
        dag_id, run_id = str(context["dag"].dag_id), str(context["run_id"])
        model, _, kind = dag_id.partition(".")
        link = run_page(dag_id, run_id)
        tell(of_run(model, kind, failed_in=None, link=link))
        tell(of_deadline(model, kind, limit_minutes=None, link=link))


def deadline_missed(context: Mapping[str, Any], limit_minutes: float) -> None:
    """Tell that a run is not over in time; the callback of a deadline, which hands over what it knows as plain JSON."""
    dag_id, run_id = str(context["dag_run"]["dag_id"]), str(context["dag_run"]["dag_run_id"])
    model, _, kind = dag_id.partition(".")
    tell(of_deadline(model, kind, limit_minutes=limit_minutes, link=run_page(dag_id, run_id)))


def tell(incident: Incident, definition: ModelDefinition | None = None, settings: Settings | None = None) -> tuple[Spoken, ...]:
    """Tell whoever a model's definition names, if there is anything new to say.

    Raises:
        StoreUnavailableError: The database that knows what was told did not answer.
    """
    from evergreen.connect.alerts.channels import deliver
    from evergreen.connect.alerts.speaking import speak
    from evergreen.definitions import load_definition
    from evergreen.registry.alerts import AlertStore

    settings = settings or Settings()
    definition = definition or load_definition(settings.definitions_dir / incident.model)
    store = AlertStore(settings.database_url)
    return speak(incident, definition.alerts.notify, store, lambda way, message: deliver(way, message, settings))


def tell_if_possible(incident: Incident, run: Run) -> None:
    """Tell what a run has to say; whatever a channel raises is logged, and what the run has done stands."""
    try:
        tell(incident, run.definition, run.settings)
    except Exception:
        _log.exception("nobody could be told: %s", incident.subject)


def run_page(dag_id: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow."""
    return f"{base_url()}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def base_url() -> str:
    """Return Airflow's address as people reach it, without its final slash."""
    from airflow.sdk import conf

    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def model_page(model: str) -> str:
    """Return the address of a model's page."""
    from evergreen.connect.links import MODELS_ROUTE

    return f"{base_url()}{MODELS_ROUTE}{model}"
