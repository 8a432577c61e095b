"""Section `release.sagemaker`: the endpoint of Amazon SageMaker that a release is brought to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from evergreen.definitions.problems import Mistake, spell
from evergreen.definitions.words import Duration, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_UPDATE = timedelta(hours=8)
"""SageMaker's own limit for one deployment."""
SHORTEST_UPDATE = timedelta(minutes=10)

AwsName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"),
    "a name of letters, digits and hyphens, neither first nor last a hyphen, at most 63 long",
]
RoleArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-/]+$", max_length=2048),
    "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/evergreen",
]
Image = Annotated[
    str,
    StringConstraints(pattern=r"^[^\s]+[:@][^\s]+$", max_length=255),
    "an image with its tag or digest, such as 123456789012.dkr.ecr.eu-central-1.amazonaws.com/evergreen-gateway:0.1.0",
]
InstanceType = Annotated[
    str, StringConstraints(pattern=r"^ml\.[a-z0-9\-]+\.[a-z0-9]+$"), "an instance type of SageMaker, such as ml.m5.large"
]
S3Folder = Annotated[
    str,
    StringConstraints(pattern=r"^s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9](/[^\s]*)?$"),
    "a folder on S3, such as s3://models/flights",
]
AlarmName = Annotated[str, StringConstraints(min_length=1, max_length=255), "the name of a CloudWatch alarm"]


class SageMaker(Section):
    """Where on SageMaker a release answers, and on what."""

    endpoint: AwsName
    """Name of the endpoint. It is made by the first release, and belongs to this model alone."""
    role_arn: RoleArn
    """Role that the endpoint's machines take: it may read `packages` and pull `image`."""
    image: Image
    """The gateway's image, where SageMaker can pull it."""
    instance_type: InstanceType = "ml.m5.large"
    """Machine of every instance."""
    instances: int = Field(1, ge=1, le=100)
    """Machines that answer."""
    packages: S3Folder | None = None
    """Where model.tar.gz is put; default beside the model's artifacts, which must then be on S3."""
    model_package_group: AwsName | None = None
    """Show releases in SageMaker's own registry as well, in this group; none: they stand in Evergreen's and MLflow's alone."""
    connection: Annotated[str, StringConstraints(min_length=1, max_length=200), "an Airflow connection"] = "aws_default"
    """Airflow connection with the credentials and the region."""
    alarms: tuple[AlarmName, ...] = Field((), max_length=10)
    """CloudWatch alarms; one that goes off while a release is brought to the endpoint takes it back."""
    bake: Duration = timedelta(minutes=10)
    """How long the alarms are watched after a direct switch, while the machines before stand by."""
    give_up_after: Duration = timedelta(hours=1)
    """Longest time that SageMaker may take for one change of the endpoint."""

    def mistakes(self) -> Iterator[Mistake]:
        """Yield limits beyond SageMaker's own, and an alarm that is named twice."""
        if not SHORTEST_UPDATE <= self.give_up_after <= LONGEST_UPDATE:
            yield Mistake(("give_up_after",), "SageMaker takes no such limit", spell(str(self.give_up_after)), "10m to 8h")
        if self.bake > timedelta(hours=1):
            yield Mistake(("bake",), "SageMaker watches no longer than an hour", spell(str(self.bake)), "at most 1h")
        elif self.bake >= self.give_up_after:
            yield Mistake(
                ("bake",),
                "the change is given up before it was watched",
                "`bake` not below `give_up_after`",
                "a shorter `bake`, or a longer `give_up_after`",
                rests_on=(("give_up_after",),),
            )
        for place, name in enumerate(self.alarms):
            if name in self.alarms[:place]:
                yield Mistake(("alarms", place), "an alarm is named twice", spell(name), "every alarm once")
