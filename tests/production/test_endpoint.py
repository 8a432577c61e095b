"""Releases to an endpoint of SageMaker's, as moto plays it, through a real scheduler and a real triggerer.

Between two looks a run waits a minute or more, as it does with AWS: too long for `make test`.
"""

import pytest

from dags.test_sagemaker import have_endpoint_say, told_here
from e2e.test_approval import states, wait_for
from e2e.test_rollout import Trying
from evergreen.definitions import load_definition
from evergreen.registry.releases import ReleaseRegistry
from evergreen.results import SmokeTest
from evergreen.settings import PROJECT_ROOT
from evergreen.tables.smoke_tests import keep_smoke_test
from moto_server import moto_server
from released_models import MODEL
from sagemaker_world import BUCKET, ENDPOINT, a_plan, airflow_connection, client, count, fill_in
from served_model import FREE

DAG_ID = f"{MODEL}.promote"
PLAN = a_plan("canary", trial={"steps": [{"share": 0.5, "hold": "5s", "min_requests": 50}]})
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}
LIMIT_SECONDS = 600.0


class Released(Trying):
    """A model whose versions are released by hand to an endpoint, by the DAG that everybody has."""

    def __init__(self, home, aws):
        super().__init__(home, PLAN, (PROJECT_ROOT / "dags" / "operations.py").read_text())
        self.aws = aws
        self.settings = self.settings.model_copy(update={"s3_endpoint_url": aws})
        self.sagemaker, self.cloudwatch = client("sagemaker", aws), client("cloudwatch", aws)
        self.environment |= KEYS | {"EVERGREEN_S3_ENDPOINT_URL": aws, "AIRFLOW_CONN_AWS_DEFAULT": airflow_connection(aws)}

    @property
    def definition(self):
        return load_definition(self.settings.definitions_dir / MODEL)

    def ready(self):
        """Train, judge and register a version, and stand for a smoke test that went well; return its number."""
        registered, _ = self.version(source=FREE)
        measured = dict.fromkeys(set(SmokeTest.model_fields) - {"registered", "rows"}, 0.0)
        keep_smoke_test(SmokeTest(registered=registered, rows=1, **measured), self.settings)
        return registered.version

    def answer_as(self, version):
        """Have the endpoint answer as a version does."""
        have_endpoint_say(self.aws, told_here(self, version))

    def variants(self):
        """Per variant of the endpoint its weight; nothing where there is no endpoint."""
        if not self.sagemaker.list_endpoints()["Endpoints"]:
            return {}
        found = self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["ProductionVariants"]
        return {one["VariantName"]: one["CurrentWeight"] for one in found}

    def promote(self, version):
        """Start the run that a person starts; return Airflow's API."""
        api = self.api()
        api.wait_for_dag(DAG_ID, 120)
        api.unpause(DAG_ID)
        api.trigger(DAG_ID, f"version-{version}", {"reason": "the test wants it", "version": version})
        return api

    def end_of(self, api, version):
        """Wait for the end of that run; return its state."""
        run_id = f"version-{version}"
        return wait_for(
            lambda: state if (state := api.run_state(DAG_ID, run_id)) in ("success", "failed") else None, LIMIT_SECONDS
        )


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, moto_server() as aws:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        fill_in(patch)
        client("s3", aws).create_bucket(Bucket=BUCKET)
        stack = Released(tmp_path_factory.mktemp("endpoint") / "home", aws)
        code, output = stack.up()
        assert code == 0, output
        yield stack
        stack.run("down")


@pytest.mark.timeout(3 * LIMIT_SECONDS)
def test_an_endpoint_follows_releases_by_hand_a_good_one_and_a_bad_one(released):
    first = released.ready()
    released.answer_as(first)
    api = released.promote(first)
    wait_for(lambda: states(api, DAG_ID, f"version-{first}").get("endpoint") == "deferred")
    assert released.end_of(api, first) == "success"
    assert released.variants() == {"champion": 1.0}

    good = released.ready()
    released.answer_as(good)
    released.promote(good)
    wait_for(lambda: released.variants() == {"champion": 0.5, "challenger": 0.5})
    wait_for(lambda: states(api, DAG_ID, f"version-{good}").get("endpoint") == "deferred")
    count(released.cloudwatch, 60)
    assert released.end_of(api, good) == "success"
    brought = api.returned(DAG_ID, f"version-{good}", "endpoint")
    assert (brought["version"], released.variants()) == (good, {"champion": 1.0})

    bad = released.ready()
    released.promote(bad)
    wait_for(lambda: len(released.variants()) == 2)
    released.answer_as(good)
    count(released.cloudwatch, 60, failures=20)
    assert released.end_of(api, bad) == "failed"
    [failed] = [task for task in api.tasks(DAG_ID, f"version-{bad}") if task.task_id == "endpoint"]
    assert any("20 of 60 requests failed" in line for line in api.errors_in_log(DAG_ID, f"version-{bad}", failed))
    assert (released.champion(), released.variants()) == (good, {"champion": 1.0})
    newest = ReleaseRegistry(released.settings).timeline(MODEL, limit=1)[0]
    assert (newest.action, newest.version, newest.actor) == ("rollback", good, "the endpoint")
