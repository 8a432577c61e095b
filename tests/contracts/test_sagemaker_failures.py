"""What AWS may answer instead of yes: each ends red in plain words, and what answered before goes on answering."""

from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from evergreen.errors import DataError, DeploymentError, StoreUnavailableError
from evergreen.registry.releases import ReleaseRegistry
from evergreen.sagemaker.transform import count_answers, require_completed, rows_asked, start, transform_request
from released_models import MODEL
from sagemaker_world import BUCKET, ENDPOINT, SECTION, SageMakerWorld, client

ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.fixture(scope="module")
def world(aws, tmp_path_factory):
    """A model whose second release has not reached its endpoint yet."""
    client("s3", aws).create_bucket(Bucket=BUCKET)
    found = SageMakerWorld(tmp_path_factory.mktemp("world"), aws)
    found.release()
    found.first = found.bring()
    found.release()
    return found


@pytest.fixture
def stub(world):
    """SageMaker, as this test has it answer; what is not expected is an error of the test."""
    stubbed = client("sagemaker", "http://127.0.0.1:1")
    with Stubber(stubbed) as found:
        found.client = stubbed
        yield found


@pytest.fixture
def champion(world):
    """Which version is champion; version 2 again after each test."""
    registry = ReleaseRegistry(world.settings)

    yield lambda: registry.champion(MODEL).version
    if registry.champion(MODEL).version == "1":
        world.model.roll_back("2")


def endpoint(config_name, status="InService", reason=None):
    now = datetime.now(UTC)
    names = {"EndpointName": ENDPOINT, "EndpointArn": f"{ARN}:endpoint/{ENDPOINT}", "EndpointConfigName": config_name}
    times = {"CreationTime": now, "LastModifiedTime": now}
    return {**names, **times, "EndpointStatus": status, **({"FailureReason": reason} if reason else {})}


def config(world, brought):
    found = world.sagemaker.describe_endpoint_config(EndpointConfigName=brought.config_name)
    kept = ("EndpointConfigName", "EndpointConfigArn", "ProductionVariants", "CreationTime")
    return {name: found[name] for name in kept}


def model(world, name):
    found = world.sagemaker.describe_model(ModelName=name)
    return {name: value for name, value in found.items() if name not in ("ResponseMetadata", "VpcConfig", "Containers")}


def sees(stub, world, brought, status="InService", reason=None):
    """Expect a look at the endpoint."""
    stub.add_response("describe_endpoint", endpoint(brought.config_name, status, reason))
    stub.add_response("describe_endpoint_config", config(world, brought))


@pytest.fixture
def second(world):
    """What the second release is called on SageMaker, made there and not answering yet."""
    champion = ReleaseRegistry(world.settings).version(MODEL, "2")
    from evergreen.sagemaker.packing import put_package

    bringing = world.bringing("2")
    return bringing.access.make_model(put_package(world.definition, champion, world.settings))


@pytest.mark.parametrize(
    ("code", "status", "kind", "words"),
    [
        ("ThrottlingException", 400, StoreUnavailableError, "AWS did not do it"),
        ("ServiceUnavailable", 503, StoreUnavailableError, "AWS did not do it"),
        ("InternalFailure", 500, StoreUnavailableError, "AWS did not do it"),
        ("AccessDeniedException", 400, DeploymentError, "AWS refuses: describe the endpoint"),
        ("ExpiredTokenException", 400, DeploymentError, "AWS refuses: describe the endpoint"),
        ("ValidationException", 400, DeploymentError, "AWS refuses: describe the endpoint"),
    ],
)
def test_what_passes_is_tried_again_and_what_is_refused_is_not(world, stub, champion, code, status, kind, words):
    stub.add_client_error("describe_endpoint", code, "no", http_status_code=status)
    with pytest.raises(kind, match=words) as caught:
        world.bringing("2", sagemaker=stub.client).go_on()
    assert caught.value.found.startswith(code)
    assert caught.value.retryable is (kind is StoreUnavailableError)
    assert champion() == "2", "nothing has moved, so nothing is taken back"
    assert world.variants() == {"champion": (world.first.model_name, 1.0)}


def test_no_answer_at_all_is_tried_again(world):
    unreachable = client("sagemaker", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailableError, match="AWS did not do it"):
        world.bringing(sagemaker=unreachable).go_on()


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("update_endpoint", "is not authorized to perform: sagemaker:UpdateEndpoint"),
        ("update_endpoint", "The account-level service limit 'ml.m5.large for endpoint usage' is 0 Instances"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(world, stub, champion, second, operation, message):
    stub.add_response("describe_endpoint", endpoint(world.first.config_name))
    stub.add_response("describe_endpoint_config", config(world, world.first))
    stub.add_response("describe_model", model(world, second))
    stub.add_response("describe_model", model(world, world.first.model_name))
    stub.add_client_error("describe_endpoint_config", "ValidationException", "Could not find endpoint configuration")
    stub.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}:endpoint-config/x"})
    stub.add_client_error(operation, "AccessDeniedException", message, http_status_code=400)
    with pytest.raises(DeploymentError, match="AWS refuses: update the endpoint") as caught:
        world.bringing("2", sagemaker=stub.client).go_on()
    assert message in caught.value.found
    stub.assert_no_pending_responses()
    assert champion() == "2"
    assert world.variants() == {"champion": (world.first.model_name, 1.0)}


def test_an_update_that_finds_sagemaker_at_work_waits(world, stub, second):
    sees(stub, world, world.first)
    stub.add_response("describe_model", model(world, second))
    stub.add_response("describe_model", model(world, world.first.model_name))
    stub.add_client_error("describe_endpoint_config", "ValidationException", "Could not find endpoint configuration")
    stub.add_response("create_endpoint_config", {"EndpointConfigArn": f"{ARN}:endpoint-config/x"})
    message = f'Cannot update in-progress endpoint "{ARN}:endpoint/flights".'
    stub.add_client_error("update_endpoint", "ValidationException", message, http_status_code=400)
    assert world.bringing("2", sagemaker=stub.client).go_on().until == "time"


def test_an_endpoint_that_fails_is_red(world, stub, second):
    sees(stub, world, world.first, "Failed", "the container did not answer /ping")
    stub.add_response("describe_model", model(world, second))
    stub.add_response("describe_model", model(world, world.first.model_name))
    with pytest.raises(DeploymentError, match="cannot be brought") as caught:
        world.bringing("2", sagemaker=stub.client).go_on("asked")
    assert "did not answer /ping" in caught.value.found


def test_back_in_service_with_the_configuration_before_is_a_failure_and_the_champion_before_is_champion(
    world, stub, champion, second
):
    reason = "One or more alarms fired: flights-5xx"
    sees(stub, world, world.first, reason=reason)
    stub.add_response("describe_model", model(world, second))
    for _ in range(2):
        stub.add_response("describe_model", model(world, world.first.model_name))
    # From here on it follows the champion before, and finds it there.
    sees(stub, world, world.first, reason=reason)
    for _ in range(2):
        stub.add_response("describe_model", model(world, world.first.model_name))
    sees(stub, world, world.first, reason=reason)
    stub.add_response("describe_model", model(world, world.first.model_name))
    stub.add_response("describe_model_package_group", a_group())
    stub.add_response("list_model_packages", {"ModelPackageSummaryList": [a_summary(world)]})
    with pytest.raises(DeploymentError, match="taken back") as caught:
        world.bringing("2", sagemaker=stub.client).go_on("flights-what-was-asked-for")
    assert reason in caught.value.found
    assert champion() == "1"
    stub.assert_no_pending_responses()
    assert ReleaseRegistry(world.settings).timeline(MODEL, limit=1)[0].actor == "the endpoint"


def test_in_service_with_another_model_behind_the_right_name_is_red(world, stub, champion):
    world.model.roll_back("1")
    named = model(world, world.first.model_name)
    container = {**named["PrimaryContainer"], "ModelDataUrl": "s3://elsewhere/model.tar.gz"}
    stub.add_response("describe_endpoint", endpoint(world.first.config_name))
    stub.add_response("describe_endpoint_config", config(world, world.first))
    stub.add_response("describe_model", {**named, "PrimaryContainer": container})
    with pytest.raises(DeploymentError, match="something else than the release") as caught:
        world.bringing(sagemaker=stub.client).go_on()
    assert "s3://elsewhere" in caught.value.found


def test_what_changes_between_the_look_and_the_verification_is_red(world, stub, champion, second):
    world.model.roll_back("1")
    sees(stub, world, world.first)
    stub.add_response("describe_model", model(world, world.first.model_name))
    stub.add_response("describe_model", model(world, world.first.model_name))
    sees(stub, world, world.first, "Updating")
    with pytest.raises(DeploymentError, match="something else than the release") as caught:
        world.bringing(sagemaker=stub.client).go_on()
    assert "Updating" in caught.value.found


def a_group():
    times = {"CreationTime": datetime.now(UTC), "CreatedBy": {}}
    names = {"ModelPackageGroupName": "flights", "ModelPackageGroupArn": f"{ARN}:model-package-group/flights"}
    return {**names, **times, "ModelPackageGroupStatus": "Completed"}


def a_summary(world):
    description = f"Evergreen package {world.first.package_digest}"
    names = {"ModelPackageArn": f"{ARN}:model-package/flights/1", "ModelPackageDescription": description}
    return {**names, "CreationTime": datetime.now(UTC), "ModelPackageStatus": "Completed"}


class TestTransform:
    inputs = {"a.jsonl": b'{"instances": [{"x": 1}, {"x": 2}]}\n{"dataframe_split": {"columns": ["x"], "data": [[3]]}}\n'}
    answers = b'{"predictions": [0.1, 0.2]}\n{"predictions": [0.3]}\n'

    def request(self, world, attempt=1):
        section = world.definition.release.sagemaker
        return transform_request(section, "m", f"s3://{BUCKET}/in", f"s3://{BUCKET}/out", self.inputs, attempt)

    def job(self, request, status, reason=None):
        kept = ("TransformJobName", "ModelName", "TransformInput", "TransformOutput", "TransformResources")
        more = {"TransformJobArn": f"{ARN}:transform-job/x", "CreationTime": datetime.now(UTC), "TransformJobStatus": status}
        return {**{name: request[name] for name in kept}, **more, **({"FailureReason": reason} if reason else {})}

    def test_a_job_is_started_once(self, world, stub):
        request = self.request(world)
        stub.add_client_error("describe_transform_job", "ValidationException", "Could not find requested job")
        stub.add_response("create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/x"}, request)
        stub.add_response("describe_transform_job", self.job(request, "InProgress"))
        stub.add_response("describe_transform_job", self.job(request, "InProgress"))
        for _ in range(2):
            assert start(stub.client, lambda attempt: self.request(world, attempt))["TransformJobStatus"] == "InProgress"
        stub.assert_no_pending_responses()

    def test_after_a_failed_job_comes_another(self, world, stub):
        first, other = self.request(world), self.request(world, 2)
        stub.add_response("describe_transform_job", self.job(first, "Failed", "AlgorithmError"))
        stub.add_client_error("describe_transform_job", "ValidationException", "Could not find requested job")
        stub.add_response("create_transform_job", {"TransformJobArn": f"{ARN}:transform-job/y"}, other)
        stub.add_response("describe_transform_job", self.job(other, "InProgress"))
        assert start(stub.client, lambda attempt: self.request(world, attempt))["TransformJobName"] == other["TransformJobName"]

    @pytest.mark.parametrize("status", ["Failed", "Stopped", "Stopping", "InProgress"])
    def test_only_completed_is_completed(self, world, status):
        request = self.request(world)
        with pytest.raises(DeploymentError, match="did not complete") as caught:
            require_completed(self.job(request, status, "AlgorithmError: out of memory"), request)
        assert "out of memory" in caught.value.found

    def test_another_job_of_that_name_is_refused(self, world):
        request = self.request(world)
        with pytest.raises(DeploymentError, match="not the one that was asked for"):
            require_completed({**self.job(request, "Completed"), "ModelName": "another"}, request)

    def test_complete_answers_are_counted(self):
        assert count_answers(self.inputs, {"a.jsonl.out": self.answers}) == 3

    @pytest.mark.parametrize(
        ("outputs", "found"),
        [
            ({}, "no file of answers"),
            ({"b.jsonl.out": answers}, "no file of answers"),
            ({"a.jsonl.out": b""}, "0 lines"),
            ({"a.jsonl.out": answers.splitlines()[0]}, "1 lines"),
            ({"a.jsonl.out": answers + answers}, "4 lines"),
            ({"a.jsonl.out": answers.replace(b", 0.2", b"")}, "line 1: 1 predictions"),
            ({"a.jsonl.out": b'{"predictions": [0, 1]}\n{"error": "no"}\n'}, "line 2"),
            ({"a.jsonl.out": b'{"predictions": [0, 1]}\nInternal Server Error\n'}, "line 2"),
        ],
    )
    def test_completed_without_complete_answers_is_red(self, outputs, found):
        with pytest.raises(DeploymentError, match="its answers are not complete") as caught:
            count_answers(self.inputs, outputs)
        assert found in caught.value.found

    @pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"instances": []}', b'{"instances": 1}', b"no json"])
    def test_a_line_that_asks_nothing_is_told_before_a_job_is_paid_for(self, line):
        with pytest.raises(DataError, match="could be asked about"):
            rows_asked("x", b'{"instances": [1]}\n' + line + b"\n")


def test_the_section_of_these_tests_is_one_a_definition_takes(world):
    assert world.definition.release.sagemaker.endpoint == SECTION["endpoint"]
