"""An endpoint that follows the champion, on moto's SageMaker: made once, moved step by step, taken back, verified."""

import json
import tarfile
import uuid
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from evergreen.errors import DeploymentError
from evergreen.registry.releases import ReleaseRegistry
from evergreen.sagemaker.bringing import Pause
from moto_server import forget_all
from released_models import MODEL
from sagemaker_world import BUCKET, ENDPOINT, SECTION, SageMakerWorld, a_plan, client

STEPS = [{"share": 0.1, "hold": "1m", "min_requests": 50}, {"share": 0.5, "hold": "1m", "min_requests": 50}]
CANARY = a_plan("canary", trial={"steps": STEPS, "limits": {"max_failure_share": 0.01}})


class Killed(BaseException):
    """What no error handling hears of."""


@pytest.fixture
def world(aws, tmp_path):
    """A world whose endpoint is not there yet."""
    client("s3", aws).create_bucket(Bucket=BUCKET)
    found = SageMakerWorld(tmp_path, aws)
    yield found
    forget_all(aws)


def champion_of(world):
    return ReleaseRegistry(world.settings).champion(MODEL).version


def test_the_first_release_makes_the_endpoint_and_again_makes_nothing(world):
    world.release()
    brought = world.bring()
    assert world.made == [
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "CreateModelPackageGroup",
        "CreateModelPackage",
    ]
    assert world.variants() == {"champion": (brought.model_name, 1.0)}
    world.calls.clear()
    assert world.bring() == brought
    assert world.made == []
    container = world.sagemaker.describe_model(ModelName=brought.model_name)["PrimaryContainer"]
    assert container["ModelDataUrl"] == brought.package_uri
    assert container["Environment"]["EVERGREEN_PACKAGE_DIGEST"] == brought.package_digest


def test_the_package_holds_all_that_a_gateway_needs(world):
    version = world.release()
    brought = world.bring()
    key = brought.package_uri.removeprefix(f"s3://{BUCKET}/")
    archive = world.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=BytesIO(archive)) as found:
        names = found.getnames()
        note = json.load(found.extractfile("release.json"))
        assert {(entry.mtime, entry.uid, entry.uname) for entry in found.getmembers()} == {(0, 0, "")}
    assert note["version"]["bundle_digest"] == version.bundle_digest
    assert {"bundle/manifest.json", "online/manifest.json", f"definitions/{MODEL}/model.yaml"} <= set(names)


def test_a_package_that_somebody_changed_is_written_again(world):
    world.release()
    brought = world.bring()
    key = brought.package_uri.removeprefix(f"s3://{BUCKET}/")
    before = world.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"something else")
    assert world.bring() == brought
    assert world.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == before


@pytest.mark.parametrize("calls", range(5))
def test_whoever_is_killed_between_two_calls_goes_on_where_it_stands(world, calls):
    world.release()
    done = []

    def die(model, **_):
        if not model.name.startswith(("Describe", "List")):
            if len(done) == calls:
                raise Killed
            done.append(model.name)

    world.sagemaker.meta.events.register("before-call.sagemaker.*", die)
    with pytest.raises(Killed):
        world.bring()
    world.sagemaker.meta.events.unregister("before-call.sagemaker.*", die)
    world.calls.clear()
    world.bring()
    made = [*done, *world.made]
    assert sorted(made) == sorted(set(made)), "nothing is made twice"
    assert set(world.variants()) == {"champion"}


def test_a_direct_release_switches_at_once_and_a_rollback_goes_to_the_configuration_before(world):
    world.release()
    first = world.bring()
    world.release()
    second = world.bring("2")
    assert (first.version, second.version) == ("1", "2")
    assert world.variants() == {"champion": (second.model_name, 1.0)}
    world.model.roll_back("1")
    world.calls.clear()
    assert world.bring() == first
    assert world.made == ["UpdateEndpoint"]


def test_another_nights_inputs_reach_the_endpoint_without_a_trial(world):
    world.model._release = CANARY
    world.model.write_definition({})
    version = world.release()
    first = world.bring()
    world.model.publish(version, night=datetime(2013, 4, 2, 7, tzinfo=UTC), warmth=2.0)
    second = world.bring()
    assert second.version == first.version
    assert second.package_digest != first.package_digest
    assert set(world.variants()) == {"champion"}


class TestCanary:
    @pytest.fixture
    def world(self, world):
        world.model._release = CANARY
        world.model.write_definition({})
        world.release()
        world.first = world.bring()
        world.release()
        world.later = lambda **by: setattr(world, "clock", lambda: datetime.now(UTC) + timedelta(**by))
        return world

    def test_it_grows_by_weights_and_ends_alone(self, world):
        world.turn("2")
        assert [weight for _, weight in world.variants().values()] == [0.9, 0.1]
        assert world.turn("2").until == "time"
        world.invoked(60)
        assert world.turn("2").until == "time"  # the requests are there, the time is not
        world.later(minutes=2)
        world.calls.clear()
        assert isinstance(world.turn("2"), Pause)
        assert world.made == ["UpdateEndpointWeightsAndCapacities"]
        assert [weight for _, weight in world.variants().values()] == [0.5, 0.5]
        brought = world.bring("2")
        assert world.variants() == {"champion": (brought.model_name, 1.0)}
        assert brought.model_name != world.first.model_name

    def test_figures_of_days_are_asked_for_in_fewer_pieces(self, world):
        world.turn("2")
        world.invoked(60)
        seen = world.bringing().access.look()
        for days in (0, 1, 2, 30):
            assert world.bringing().access.evidence(seen, datetime.now(UTC) + timedelta(days=days)).requests == 60

    def test_no_traffic_is_not_health(self, world):
        world.turn("2")
        world.later(hours=1)
        assert isinstance(world.bringing("2").go_on(), Pause)
        assert champion_of(world) == "2"

    def test_failures_take_it_back_with_the_registry_first(self, world):
        world.turn("2")
        world.invoked(60, failures=10)
        with pytest.raises(DeploymentError, match="taken back") as caught:
            world.bring("2")
        assert "10 of 60 requests failed" in caught.value.found
        assert champion_of(world) == "1"
        assert world.variants() == {"champion": (world.first.model_name, 1.0)}

    def test_requests_leave_it_before_its_machines_do(self, world):
        world.turn("2")
        world.invoked(60, failures=10)
        world.calls.clear()
        assert world.turn("2").taken_back.startswith("10 of 60")
        assert world.made == ["UpdateEndpointWeightsAndCapacities"]
        assert [weight for _, weight in world.variants().values()] == [1.0, 0.0]

    def test_whoever_is_killed_while_taking_back_goes_on_and_says_so(self, world):
        world.turn("2")
        world.invoked(60, failures=10)
        world.turn("2")
        with pytest.raises(DeploymentError, match="taken back") as caught:
            world.bring("2")  # a new attempt, which remembers nothing
        assert "10 of 60 requests failed" in caught.value.found
        assert world.variants() == {"champion": (world.first.model_name, 1.0)}

    def test_an_alarm_takes_it_back_and_one_that_is_not_there_too(self, world):
        world.model._release = a_plan("canary", trial={"steps": STEPS}, alarms=["latency"])
        world.model.write_definition({})
        world.turn("2")
        with pytest.raises(DeploymentError, match="the alarm latency goes off"):
            world.bring("2")
        assert champion_of(world) == "1"

    def test_a_rollback_by_hand_ends_it(self, world):
        world.turn("2")
        world.model.roll_back("1")
        assert world.bring() == world.first


def test_a_release_that_answers_otherwise_than_it_should_is_taken_back(world):
    world.release()
    first = world.bring()
    world.release()
    world.check = lambda package: "it says 0.4 and the release 0.2" if package.version.version == "2" else ""
    with pytest.raises(DeploymentError, match="taken back") as caught:
        world.bring("2")
    assert "it says 0.4" in caught.value.found
    assert champion_of(world) == "1"
    assert world.bring() == first


def test_what_another_run_has_released_is_not_taken_back_for_an_answer(world):
    world.release()
    world.bring()
    world.release()
    world.bring("2")
    world.check = lambda package: "it says 0.4 and the release 0.2"
    with pytest.raises(DeploymentError, match="not brought to the release"):
        world.bring()
    assert champion_of(world) == "2"


def test_a_shadow_answers_nobody_and_then_everybody(world):
    world.release()
    first = world.bring()
    world.model._release = a_plan("shadow", trial={"steps": [{"share": 1.0, "hold": "1m", "min_requests": 20}]})
    world.model.write_definition({})
    world.release()
    world.turn("2")
    config = world.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    found = world.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert [one["ModelName"] for one in found["ProductionVariants"]] == [first.model_name]
    assert [one["VariantName"] for one in found["ShadowProductionVariants"]] == ["challenger"]
    world.invoked(30)
    world.clock = lambda: datetime.now(UTC) + timedelta(minutes=2)
    brought = world.bring("2")
    assert world.variants() == {"champion": (brought.model_name, 1.0)}


def test_an_endpoint_of_somebody_else_is_left_alone(world):
    world.release()
    name = f"mine-{uuid.uuid4().hex[:8]}"
    one = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    world.sagemaker.create_model(ModelName="m", ExecutionRoleArn=SECTION["role_arn"])
    world.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[one])
    world.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=name)
    world.calls.clear()
    with pytest.raises(DeploymentError, match="configured by somebody else"):
        world.bring()
    assert world.made == ["CreateModel"]
