"""Batch transform: a job of SageMaker's that asks the champion about files on S3; answers are believed once they are counted.

A file holds one request a line, in a format of MLflow's scoring protocol, such as `{"instances": [{…}, …]}`; beside it, in the
output folder, comes a file with one answer a line. That a job says "Completed" is not enough: each file must be there, with an
answer to each line and a prediction for each row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evergreen.digests import digest_bytes
from evergreen.errors import DataError, DeploymentError
from evergreen.files import is_s3, join_uri
from evergreen.sagemaker.calls import call, find, is_said_of
from evergreen.sagemaker.documents import Document, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evergreen.definitions.sagemaker import SageMaker
    from evergreen.files import Files

OUTPUT_SUFFIX = ".out"
DONE, FAILED = "Completed", ("Failed", "Stopped")
_MOST_ATTEMPTS = 20


@dataclass(frozen=True)
class Transformed:
    """What a job has answered."""

    job_name: str
    model_name: str
    output_uri: str
    files: int
    rows: int


def transform_request(
    section: SageMaker, model_name: str, input_uri: str, output_uri: str, inputs: Mapping[str, bytes], attempt: int = 1
) -> Document:
    """Return CreateTransformJob; the same model, files and attempt give the same job.

    Args:
        section: The machines.
        model_name: The model that is asked.
        input_uri: Folder of the files.
        output_uri: Folder that the answers are put in, below the job's name.
        inputs: The files' contents by name.
        attempt: From 1; a job that failed keeps its name for ever.
    """
    content = {name: digest_bytes(data) for name, data in inputs.items()}
    job = name_of("evergreen", [model_name, input_uri, output_uri, content, attempt])
    return {
        "TransformJobName": job,
        "ModelName": model_name,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": input_uri.rstrip("/") + "/"}},
            "ContentType": "application/json",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": join_uri(output_uri, job),
            "Accept": "application/json",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": section.instance_type, "InstanceCount": section.instances},
    }


def read_inputs(files: Files, input_uri: str) -> dict[str, bytes]:
    """Return the files to be asked about, by name.

    Raises:
        DataError: There is none, or a line is no request.
        DeploymentError: They are not on S3.
        StoreUnavailableError: S3 did not answer.
    """
    if not is_s3(input_uri):
        raise DeploymentError(
            "SageMaker reads and writes on S3 alone",
            found=input_uri,
            allowed="s3://bucket/folder",
            remedy="put the files there",
        )
    folder = input_uri.rstrip("/") + "/"
    found = {info.uri.removeprefix(folder): files.read_bytes(info.uri) for info in files.list(folder)}
    if not sum(rows_asked(name, data) for name, data in found.items()):
        raise _unanswerable(input_uri, "no row to be asked about")
    return found


def rows_asked(name: str, data: bytes) -> int:
    """Return how many rows a file asks about.

    Raises:
        DataError: A line is no request in a format whose rows can be counted.
    """
    rows = 0
    for number, line in enumerate(data.splitlines(), start=1):
        body = _json(line)
        asked = body.get("instances", body.get("dataframe_records")) if isinstance(body, dict) else None
        if asked is None and isinstance(body, dict):
            asked = body.get("dataframe_split", {}).get("data")
        if not isinstance(asked, list) or not asked:
            raise _unanswerable(f"{name}, line {number}", f"{line[:60]!r}")
        rows += len(asked)
    return rows


def start(client: Any, request_of: Any) -> Document:
    """Start a job, or find the one that was started before; return its description. After a failed one comes another.

    Args:
        client: A boto3 client of `sagemaker`.
        request_of: Attempt, from 1, to `transform_request`.

    Raises:
        DeploymentError: AWS refuses, or one attempt after another has failed.
        StoreUnavailableError: AWS did not answer.
    """
    found: Document | None = None
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        request = request_of(attempt)
        name = request["TransformJobName"]
        found = find("describe the job", client.describe_transform_job, TransformJobName=name)
        if found is None:
            try:
                call("start the job", client.create_transform_job, **request)
            except DeploymentError as error:
                if not is_said_of(error, "already exists", "already existing"):
                    raise
            return call("describe the job", client.describe_transform_job, TransformJobName=name)
        if found["TransformJobStatus"] not in FAILED:
            return found
    raise _failed(found or {})


def request_named(request_of: Any, name: str) -> Document:
    """Return the request of the attempt that a job of this name would be; the first, where none is.

    Args:
        request_of: Attempt, from 1, to `transform_request`.
        name: Name of a job.
    """
    # One after the other: each digests all files, and the first is nearly always the one.
    attempts: Iterator[Document] = map(request_of, range(1, _MOST_ATTEMPTS + 1))
    found = next((one for one in attempts if one["TransformJobName"] == name), None)
    return found if found is not None else request_of(1)


def require_completed(job: Document, request: Document) -> None:
    """Refuse a job that did not complete, or that is another than was asked for.

    Raises:
        DeploymentError: It is.
    """
    if job["TransformJobStatus"] != DONE:
        raise _failed(job)
    said, wanted = (job.get("ModelName"), _output_of(job)), (request["ModelName"], _output_of(request))
    if said != wanted:
        raise DeploymentError(
            "the job is not the one that was asked for",
            found=f"{job.get('TransformJobName')} with model {said[0]}, output {said[1]}",
            allowed=f"model {wanted[0]}, output {wanted[1]}",
            remedy="look who else starts jobs of that name",
        )


def count_answers(inputs: Mapping[str, bytes], outputs: Mapping[str, bytes]) -> int:
    """Return how many rows were answered, if each was.

    Args:
        inputs: Files by name.
        outputs: The answers by name of the file in the output folder.

    Raises:
        DeploymentError: A file, a line or a prediction is missing, too many, or none.
    """
    rows = 0
    for name, data in inputs.items():
        wanted = data.splitlines()
        answer = outputs.get(name + OUTPUT_SUFFIX)
        if answer is None:
            raise _incomplete(name, "no file of answers", f"{name}{OUTPUT_SUFFIX} with {len(wanted)} lines")
        lines = answer.splitlines()
        if len(lines) != len(wanted):
            raise _incomplete(name, f"{len(lines)} lines of answers", f"{len(wanted)}")
        for number, (line, asked) in enumerate(zip(lines, wanted, strict=True), start=1):
            body = _json(line)
            given = body.get("predictions") if isinstance(body, dict) else None
            expected = rows_asked(name, asked)
            if not isinstance(given, list) or len(given) != expected:
                shown = f"{len(given)} predictions" if isinstance(given, list) else repr(line[:60])
                raise _incomplete(f"{name}, line {number}", shown, f"{expected} predictions")
            rows += expected
    return rows


def _output_of(document: Document) -> object:
    return document.get("TransformOutput", {}).get("S3OutputPath")


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _unanswerable(where: str, found: str) -> DataError:
    return DataError(
        "there is nothing that the model could be asked about",
        found=f"{where}: {found}",
        allowed='files with one request a line, such as {"instances": [{…}, …]}',
        remedy="write the rows as docs/guides/sagemaker.md shows",
    )


def _failed(job: Document) -> DeploymentError:
    return DeploymentError(
        "the batch transform did not complete",
        found=f"{job.get('TransformJobName')} is {job.get('TransformJobStatus')}: "
        f"{job.get('FailureReason') or 'SageMaker gives no reason'}",
        allowed=DONE,
        remedy="look at the job's log in CloudWatch; then clear this task, which starts another attempt",
    )


def _incomplete(where: str, found: str, allowed: str) -> DeploymentError:
    return DeploymentError(
        "the batch transform says that it completed, and its answers are not complete",
        found=f"{where}: {found}",
        allowed=allowed,
        remedy="believe none of them; look at the job's log in CloudWatch",
    )
