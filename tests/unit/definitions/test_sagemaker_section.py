"""An endpoint as a release's target: what must be said of it, and what makes no sense together."""

import pytest

from evergreen.definitions.release import ReleasePlan
from evergreen.errors import DefinitionError

ROLE = "arn:aws:iam::123456789012:role/evergreen"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/evergreen-gateway:0.1.0"
ENDPOINT = {"endpoint": "flights", "role_arn": ROLE, "image": IMAGE}
SECTION = f"sagemaker: {{endpoint: flights, role_arn: '{ROLE}', image: '{IMAGE}'}}"
ON = f"target: sagemaker, {SECTION}"


@pytest.mark.parametrize(
    ("release", "path", "what"),
    [
        (f"{{{SECTION}}}", "release.sagemaker", "nothing is brought to the endpoint"),
        ("{target: sagemaker}", "release.target", "there is no endpoint"),
        ("{target: sage_maker}", "release.target", "unknown word"),
        (f"{{{ON}, rollout: blue_green}}", "release.rollout", "an endpoint knows no such rollout"),
        (f"{{{ON}, rollout: canary, trial: {{key: [id]}}}}", "trial.key", "SageMaker deals out requests by chance"),
        (
            f"{{{ON}, rollout: canary, trial: {{limits: {{max_slowdown: 3}}}}}}",
            "limits.max_slowdown",
            "SageMaker does not measure",
        ),
        ("{target: sagemaker, sagemaker: {endpoint: flights}}", "sagemaker.role_arn", ""),
        (f"{{{ON.replace('flights', 'flights_')}}}", "sagemaker.endpoint", "wrong value"),
        (f"{{{ON.replace(':0.1.0', '')}}}", "sagemaker.image", "wrong value"),
        (f"{{{ON.replace('role/', 'user/')}}}", "sagemaker.role_arn", "wrong value"),
        (f"{{{ON.replace('}', ', instances: 0}')}}}", "sagemaker.instances", "wrong value"),
        (f"{{{ON.replace('}', ', packages: /models}')}}}", "sagemaker.packages", "wrong value"),
        (f"{{{ON.replace('}', ', alarms: [a, a]}')}}}", "sagemaker.alarms[1]", "an alarm is named twice"),
        (f"{{{ON.replace('}', ', give_up_after: 9h}')}}}", "sagemaker.give_up_after", "SageMaker takes no such limit"),
        (f"{{{ON.replace('}', ', bake: 2h}')}}}", "sagemaker.bake", "SageMaker watches no longer"),
        (f"{{{ON.replace('}', ', bake: 30m, give_up_after: 30m}')}}}", "sagemaker.bake", "the change is given up"),
        (f"{{{ON.replace('}', ', instance_typ: ml.m5.large}')}}}", "sagemaker.instance_typ", "unknown key"),
    ],
)
def test_a_mistake_is_told_where_it_is(problems_after, release, path, what):
    problems = problems_after("gate:\n", f"release: {release}\ngate:\n")
    assert any(problem.path.endswith(path) and problem.what.startswith(what) for problem in problems), problems


@pytest.mark.parametrize("rollout", ["direct", "shadow", "canary"])
def test_an_endpoint_has_its_own_steps_and_the_gateway_none(rollout):
    plan = ReleasePlan.model_validate({"target": "sagemaker", "sagemaker": ENDPOINT, "rollout": rollout})
    beside = ReleasePlan(rollout=rollout)
    assert (plan.steps, plan.endpoint_steps) == ((), beside.steps)
    assert beside.endpoint_steps == ()


def test_a_section_alone_is_refused_too():
    with pytest.raises((DefinitionError, ValueError), match="nothing is brought"):
        ReleasePlan.model_validate({"sagemaker": ENDPOINT})
