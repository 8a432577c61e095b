"""A person in the loop: before a release, whoever may answer reads the evidence and says yes or no.

Airflow's own operator asks and waits, without holding a worker; what is asked is put together here when it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param

from evergreen.connect.approval_request import TASK_ID

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition

_NOTE_CHARACTERS = 500


class ReleaseApproval(ApprovalOperator):
    """Asks whether the tested version may be released. A no skips the release; the champion stays."""

    # A reason quotes names from the data; rendered as a template it could read connections.
    template_fields = ()

    def execute(self, context: Any) -> Any:
        """Put the evidence together, tell whoever is to be told, and wait."""
        from evergreen.connect.alerts.incident import of_approval
        from evergreen.connect.alerts.occasions import tell_if_possible
        from evergreen.connect.run import current_run

        run = current_run()
        self.subject, self.body = _question(run, context["ti"])
        tell_if_possible(of_approval(run.definition.name, question=self.subject, link=self._page(context)), run)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Take the answer, and end the waiting."""
        from evergreen.connect.alerts.incident import of_approval
        from evergreen.connect.alerts.occasions import tell_if_possible
        from evergreen.connect.run import current_run

        run = current_run()
        answered = super().execute_complete(context, event)
        tell_if_possible(of_approval(run.definition.name, question=None, link=self._page(context)), run)
        return answered

    @staticmethod
    def _page(context: Any) -> str:
        from evergreen.connect.alerts.occasions import run_page

        return run_page(context["dag_run"].dag_id, context["dag_run"].run_id)


def approval_task(definition: ModelDefinition) -> ReleaseApproval | None:
    """Return the task that asks, None where the definition asks nobody. Call it inside the DAG."""
    approval = definition.release.approval
    if approval is None:
        return None
    kept = "Kept with the answer in Airflow's own record."
    return ReleaseApproval(
        task_id=TASK_ID,
        subject=f"Release the challenger of {definition.name}?",
        defaults=ReleaseApproval.APPROVE if approval.default == "approve" else ReleaseApproval.REJECT,
        response_timeout=approval.response_timeout,
        params={"note": Param("", type="string", maxLength=_NOTE_CHARACTERS, title="Why", description=kept)},
    )


def released_by(run: Run, answer: object) -> str:
    """Return who releases: the person who approved, and the run.

    Args:
        run: The run that releases.
        answer: What the approval returned; None where nobody was asked.
    """
    if not isinstance(answer, Mapping):
        return run.actor
    person = answer.get("responded_by_user")
    if answer.get("timedout") or not person:
        return f"nobody answered in time; {run.actor}"
    name = person.get("name") if isinstance(person, Mapping) else getattr(person, "name", person)
    return f"approved by {name}; {run.actor}"


def _question(run: Run, ti: Any) -> tuple[str, str]:
    from evergreen.connect.alerts.occasions import base_url
    from evergreen.connect.approval_request import request_body, request_subject
    from evergreen.connect.links import mlflow_link, report_link
    from evergreen.errors import SettingsError
    from evergreen.files import Files
    from evergreen.measurement import Measurement
    from evergreen.results import SmokeTest, Verdict

    approval = run.definition.release.approval
    if approval is None:  # model.yaml was changed while the run was under way
        raise SettingsError(
            "a person is to be asked, and the definition no longer says how",
            found="no `release.approval`",
            allowed="the section that the DAG was made from",
            remedy="start a new training, which asks nobody",
        )
    judged, smoked = ti.xcom_pull(task_ids="gate"), ti.xcom_pull(task_ids="smoke_test")
    verdict, registered = Verdict.from_xcom(judged), SmokeTest.from_xcom(smoked).registered
    measurement = Measurement.from_bytes(Files.from_settings(run.settings).read_bytes(verdict.measurement_uri))
    page = report_link(judged, run.settings)
    links = {"The gate's page": base_url() + page if page else "", "the run in MLflow": mlflow_link(judged, run.settings)}
    return request_subject(registered, verdict), request_body(registered, verdict, measurement, approval, links)
