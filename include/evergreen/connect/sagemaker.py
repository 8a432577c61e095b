"""SageMaker in the DAGs: the endpoint follows the champion; batch transform by hand. Only for models that ask for it.

The amazon provider gives the connection, and the trigger that waits. Its event only wakes the task: what it says is not
believed, the endpoint and the job are described again.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Param
from airflow.sdk.exceptions import TaskDeferred

if TYPE_CHECKING:
    from evergreen.connect.run import Run
    from evergreen.definitions import ModelDefinition
    from evergreen.definitions.sagemaker import SageMaker
    from evergreen.sagemaker.endpoint import EndpointAccess

TASK_ID = "endpoint"
_KEPT = "kept"
"""Under this key a task keeps what it must know after a pause; another attempt forgets it, and need not know it."""
_LOOKS_OF_A_WAIT = 10
"""SageMaker is looked at so often before the task looks itself: the provider's waiter knows not every end."""
_SECONDS_BETWEEN = 30


class FollowChampion(BaseOperator):
    """Brings the model's endpoint to the champion, waits without a worker, and verifies what answers.

    Args:
        own_release: The task whose release this run brings there; none where the run has released nothing.
    """

    template_fields = ()

    def __init__(self, *, own_release: str = "", **arguments: Any) -> None:
        super().__init__(**arguments)
        self.own_release = own_release

    def execute(self, context: Any) -> Any:
        """Begin, or go on where an earlier attempt was killed."""
        return self._go_on(context, {})

    def look_again(self, context: Any, event: Any) -> Any:
        """Go on after a pause; what the trigger says counts for nothing."""
        return self._go_on(context, context["ti"].xcom_pull(task_ids=self.task_id, key=_KEPT) or {})

    def _go_on(self, context: Any, kept: dict[str, str]) -> Any:
        from evergreen.connect.endpoint_answers import difference
        from evergreen.connect.run import current_run
        from evergreen.sagemaker.bringing import Bringing, Brought

        run = current_run()
        own = context["ti"].xcom_pull(task_ids=self.own_release) if self.own_release else None
        version = own["version"] if isinstance(own, dict) else None
        check = partial(difference, run.definition, run.settings, _client(_section(run), "sagemaker-runtime"))
        found = Bringing(run.definition, run.settings, _access(run), version, check).go_on(**kept)
        if isinstance(found, Brought):
            return asdict(found)
        section = _section(run)
        trigger = _settled(section, "endpoint", section.endpoint) if found.until == "settled" else _later(found.seconds)
        # Not as arguments of the method: a run in this process forgets them.
        context["ti"].xcom_push(key=_KEPT, value={"asked": found.asked, "taken_back": found.taken_back})
        raise TaskDeferred(trigger=trigger, method_name="look_again", timeout=2 * section.give_up_after)


class Transform(BaseOperator):
    """Asks the champion about files on S3 by a job of SageMaker's, and counts the answers before they are believed."""

    template_fields = ()

    def execute(self, context: Any) -> Any:
        """Start the job, or find the one that an earlier attempt has started."""
        from evergreen.connect.run import asked_for
        from evergreen.files import Files
        from evergreen.sagemaker.transform import DONE, read_inputs, start

        run, section = _run_and_section()
        input_uri, output_uri = str(asked_for("input_uri")), str(asked_for("output_uri"))
        inputs = read_inputs(Files.from_settings(run.settings), input_uri)
        model_name = _champions_model(run)
        job = start(_client(section, "sagemaker"), _requests(section, model_name, input_uri, output_uri, inputs))
        if job["TransformJobStatus"] == DONE:
            return self._count(run, job, input_uri, output_uri)
        context["ti"].xcom_push(key=_KEPT, value=job["TransformJobName"])
        trigger = _settled(section, "transform", job["TransformJobName"], looks=480)
        raise TaskDeferred(trigger=trigger, method_name="look_again")

    def look_again(self, context: Any, event: Any) -> Any:
        """Describe the job, and count its answers; what the trigger says counts for nothing."""
        from evergreen.connect.run import asked_for
        from evergreen.sagemaker.calls import call

        run, section = _run_and_section()
        client = _client(section, "sagemaker")
        name = context["ti"].xcom_pull(task_ids=self.task_id, key=_KEPT)
        job = call("describe the job", client.describe_transform_job, TransformJobName=name)
        return self._count(run, job, str(asked_for("input_uri")), str(asked_for("output_uri")))

    def _count(self, run: Run, job: dict[str, Any], input_uri: str, output_uri: str) -> dict[str, Any]:
        from evergreen.files import Files
        from evergreen.sagemaker.transform import Transformed, count_answers, read_inputs, request_named, require_completed

        section, files = _section(run), Files.from_settings(run.settings)
        inputs = read_inputs(files, input_uri)
        attempts = _requests(section, job["ModelName"], input_uri, output_uri, inputs)
        require_completed(job, request_named(attempts, job["TransformJobName"]))
        folder = job["TransformOutput"]["S3OutputPath"].rstrip("/") + "/"
        outputs = {info.uri.removeprefix(folder): files.read_bytes(info.uri) for info in files.list(folder)}
        rows = count_answers(inputs, outputs)
        return asdict(Transformed(job["TransformJobName"], job["ModelName"], folder.rstrip("/"), len(inputs), rows))


def followed(definition: ModelDefinition, task: Any, *, own_release: str = "") -> Any:
    """Have a model's endpoint follow after a task; return the last of the two. Nothing follows where the gateway answers.

    Args:
        definition: The model.
        task: The task after which the champion may be another one, or has other online inputs.
        own_release: The task whose release this run brings there.
    """
    if definition.release.target != "sagemaker":
        return task
    follow = FollowChampion(task_id=TASK_ID, own_release=own_release)
    task >> follow
    return follow


def transform_params() -> dict[str, Param]:
    """Fields of the form of a batch transform."""
    folder = {"type": "string", "pattern": r"^s3://[a-z0-9.\-]{3,63}/[^\s]+$"}
    return {
        "input_uri": Param("", **folder, title="Input", description="Folder on S3 of files with one request a line."),
        "output_uri": Param("", **folder, title="Output", description="Folder on S3; the answers come below the job's name."),
    }


def _champions_model(run: Run) -> str:
    """Return the SageMaker model of the champion, which is made if it is not there."""
    from evergreen.connect.champion import current_champion
    from evergreen.connect.skipping import skipped
    from evergreen.sagemaker.packing import put_package

    champion = current_champion(run)
    if champion is None:
        raise skipped("there is no champion yet: train one first")
    return _access(run).make_model(put_package(run.definition, champion, run.settings))


def _requests(section: SageMaker, model_name: str, input_uri: str, output_uri: str, inputs: dict[str, bytes]) -> Any:
    from evergreen.sagemaker.transform import transform_request

    return partial(transform_request, section, model_name, input_uri, output_uri, inputs)


def _run_and_section() -> tuple[Run, SageMaker]:
    from evergreen.connect.run import current_run

    run = current_run()
    return run, _section(run)


def _section(run: Run) -> SageMaker:
    from evergreen.errors import RequestError

    section = run.definition.release.sagemaker
    if section is not None:
        return section
    raise RequestError(
        "the model has no endpoint any more",
        found="no release.sagemaker in model.yaml",
        allowed="the definition that this run was started with",
        remedy="put the section back, or leave the run",
    )


def _access(run: Run) -> EndpointAccess:
    from evergreen.sagemaker.endpoint import EndpointAccess

    section = _section(run)
    return EndpointAccess(run.definition.name, section, _client(section, "sagemaker"), _client(section, "cloudwatch"))


def _client(section: SageMaker, service: str) -> Any:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook(aws_conn_id=section.connection, client_type=service).get_conn()


def _settled(section: SageMaker, kind: str, name: str, *, looks: int = _LOOKS_OF_A_WAIT) -> Any:
    from airflow.providers.amazon.aws.triggers.sagemaker import SageMakerTrigger

    return SageMakerTrigger(
        job_name=name,
        job_type=kind,
        waiter_delay=_SECONDS_BETWEEN,
        waiter_max_attempts=looks,
        aws_conn_id=section.connection,
    )


def _later(seconds: float) -> Any:
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

    return TimeDeltaTrigger(timedelta(seconds=seconds))
