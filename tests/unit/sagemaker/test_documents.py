"""Every document that is sent to AWS, against the shapes that AWS documents, as botocore ships them."""

from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.validate import ParamValidator

from evergreen.definitions.sagemaker import SageMaker
from evergreen.registry.online_versions import OnlineInputsVersion
from evergreen.results import ChampionVersion
from evergreen.sagemaker.documents import (
    CHALLENGER,
    CHAMPION,
    config_request,
    create_request,
    group_request,
    model_request,
    name_of,
    package_request,
    update_request,
    variant,
    weights_request,
)
from evergreen.sagemaker.packing import Package
from evergreen.sagemaker.seen import read_endpoint
from evergreen.sagemaker.transform import transform_request

ROLE = "arn:aws:iam::123456789012:role/evergreen"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/evergreen-gateway:0.1.0"
SECTION = SageMaker(endpoint="flights", role_arn=ROLE, image=IMAGE, model_package_group="flights", alarms=("a", "b"))
VERSION = ChampionVersion(
    model="flight_delays",
    version="7",
    bundle_uri="",
    bundle_digest="b" * 32,
    decision_id="d" * 32,
    mlflow_run_id="",
    trained_through=datetime(2013, 4, 1, tzinfo=UTC),
    features_source_digest="f" * 32,
)
ONLINE = OnlineInputsVersion(
    model="flight_delays",
    features_key="k",
    as_of=VERSION.trained_through,
    uri="",
    digest="",
    published_at=VERSION.trained_through,
)
PACKAGE = Package("s3://models/flight_delays/0123/model.tar.gz", "p" * 32, VERSION, ONLINE)
ONE = variant(CHAMPION, "flight-delays-1", instance_type="ml.m5.large", instances=2, weight=0.95)
OTHER = variant(CHALLENGER, "flight-delays-2", instance_type="ml.m5.large", instances=2, weight=0.05)
REQUESTS = {
    "CreateModel": model_request(SECTION, PACKAGE),
    "CreateEndpointConfig": config_request("flights", [ONE, OTHER]),
    "CreateEndpoint": create_request(SECTION, "flights-1", "flight_delays"),
    "UpdateEndpoint": update_request(SECTION, "flights-1", is_guarded=True),
    "UpdateEndpointWeightsAndCapacities": weights_request("flights", {CHAMPION: 0.75, CHALLENGER: 0.25}),
    "CreateModelPackageGroup": group_request("flights", "flight_delays"),
    "CreateModelPackage": package_request("flights", SECTION, PACKAGE),
    "CreateTransformJob": transform_request(SECTION, "flight-delays-1", "s3://a/in", "s3://a/out", {"x.jsonl": b"{}\n"}),
}
MORE = [
    ("CreateEndpointConfig", config_request("flights", [ONE], [OTHER])),
    ("UpdateEndpoint", update_request(SECTION, "flights-1", is_guarded=False)),
    ("UpdateEndpoint", update_request(SECTION.model_copy(update={"alarms": ()}), "flights-1", is_guarded=True)),
]


@pytest.fixture(scope="module")
def documented():
    return botocore.session.get_session().get_service_model("sagemaker")


@pytest.mark.parametrize(("operation", "request_"), [*REQUESTS.items(), *MORE], ids=lambda value: str(value)[:30])
def test_a_request_has_the_documented_shape(documented, operation, request_):
    shape = documented.operation_model(operation).input_shape
    report = ParamValidator().validate(request_, shape)
    assert not report.has_errors(), report.generate_report()
    _require_patterns_and_enums(shape, request_, operation)


def _require_patterns_and_enums(shape, value, where):
    """What botocore knows and leaves for the service to check."""
    import re

    if shape.type_name == "structure":
        for name, part in value.items():
            _require_patterns_and_enums(shape.members[name], part, f"{where}.{name}")
    elif shape.type_name == "list":
        assert shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", len(value)), where
        for part in value:
            _require_patterns_and_enums(shape.member, part, where)
    elif shape.type_name == "map":
        for name, part in value.items():
            _require_patterns_and_enums(shape.key, name, where)
            _require_patterns_and_enums(shape.value, part, f"{where}.{name}")
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, where
        assert len(value) <= shape.metadata.get("max", len(value)), where
        pattern = shape.metadata.get("pattern")
        # Java's character classes are the one thing in these patterns that Python does not know.
        if pattern and "\\p{" not in pattern:
            assert re.fullmatch(pattern, value), f"{where}: {value!r} does not fit {pattern}"


def test_a_name_hangs_on_the_content_and_on_nothing_else():
    again = model_request(SECTION, PACKAGE)
    other = model_request(SECTION.model_copy(update={"image": IMAGE.replace("0.1.0", "0.2.0")}), PACKAGE)
    assert again == REQUESTS["CreateModel"]
    assert other["ModelName"] != again["ModelName"]
    assert len(name_of("a_very_long_name_" * 5, 1)) <= 63
    assert "_" not in name_of("a_b", 1)


def test_a_configuration_is_recognized_although_sagemaker_keeps_four_bytes_of_a_weight_and_adds_its_defaults():
    import struct

    request = REQUESTS["CreateEndpointConfig"]
    stored = [
        {**one, "InitialVariantWeight": struct.unpack("f", struct.pack("f", one["InitialVariantWeight"]))[0], "Extra": 1}
        for one in request["ProductionVariants"]
    ]
    assert stored[0]["InitialVariantWeight"] != request["ProductionVariants"][0]["InitialVariantWeight"]
    endpoint = {
        "EndpointName": "flights",
        "EndpointStatus": "InService",
        "EndpointConfigName": request["EndpointConfigName"],
        "LastModifiedTime": datetime.now(UTC),
    }
    assert read_endpoint(endpoint, {"ProductionVariants": stored}).is_ours


def test_a_container_reaches_nobody_and_knows_which_package_it_has_to_find():
    request = REQUESTS["CreateModel"]
    assert request["EnableNetworkIsolation"] is True
    assert request["PrimaryContainer"]["Environment"]["EVERGREEN_PACKAGE_DIGEST"] == PACKAGE.digest


def test_a_failed_job_leaves_its_name_to_itself():
    def job(attempt, data=b"{}\n"):
        found = transform_request(SECTION, "m", "s3://a/in", "s3://a/out", {"x": data}, attempt)
        return found["TransformJobName"], found["TransformOutput"]["S3OutputPath"]

    assert job(1) == job(1)
    assert len({job(1), job(2), job(1, b"other\n")}) == 3
