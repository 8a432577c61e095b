"""Links lead to pages, pages to nobody who is not logged in, and a path to nothing outside the reports folder."""

import pytest

from evergreen.connect.links import mlflow_link, report_link
from evergreen.settings import Settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path))
    settings = Settings(mlflow_ui_url="http://127.0.0.1:8081/")
    page = tmp_path / "reports" / "m" / "gate" / "night.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>kept</h1>")
    (tmp_path / "secret.html").write_text("nobody's business")
    (tmp_path / "reports" / "plain.txt").write_text("no page")
    return settings


def test_a_report_links_to_its_route(settings):
    returned = {"report_uri": f"{settings.reports_uri}/m/gate/night.html"}
    assert report_link(returned, settings) == "/evergreen/reports/m/gate/night.html"


@pytest.mark.parametrize("returned", [{}, {"report_uri": ""}, {"report_uri": "/etc/passwd"}, {"report_uri": None}])
def test_what_is_no_report_has_no_link(settings, returned):
    assert report_link(returned, settings) == ""


@pytest.mark.parametrize(
    "returned", [{"mlflow_run_id": "r1"}, {"challenger": {"mlflow_run_id": "r1"}}, {"registered": {"mlflow_run_id": "r1"}}]
)
def test_candidates_verdicts_and_versions_link_to_their_mlflow_run(settings, returned):
    assert mlflow_link(returned, settings) == "http://127.0.0.1:8081/#/runs/r1"


def test_without_mlflow_pages_there_is_no_link(settings):
    assert mlflow_link({"mlflow_run_id": "r1"}, settings.model_copy(update={"mlflow_ui_url": ""})) == ""


def test_a_drawn_report_has_a_link_of_its_own_and_runs_in_a_sandbox_without_an_origin(settings):
    from evergreen.connect.pages import report

    uri = f"{settings.reports_uri}/m/monitoring/night.evidently.html"
    page = settings.home / "reports" / "m" / "monitoring" / "night.evidently.html"
    page.parent.mkdir(parents=True)
    page.write_text("<script></script>")
    returned = {"report_uri": "", "evidently_uri": uri}
    assert report_link(returned, settings, "evidently_uri") == "/evergreen/reports/m/monitoring/night.evidently.html"
    policy = report("m/monitoring/night.evidently.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline';")
    assert "allow-same-origin" not in policy


def test_a_page_is_served_with_a_policy_that_runs_nothing(settings):
    from evergreen.connect.pages import report

    answer = report("m/gate/night.html")
    assert answer.body == b"<h1>kept</h1>"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_of_evidently_may_run_scripts_in_a_sandbox_without_a_network(settings):
    from evergreen.connect.pages import report

    (settings.home / "reports" / "m" / "gate" / "night.evidently.html").write_text("<script>1</script>")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in report("m/gate/night.evidently.html").headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["sandbox"] == "allow-scripts"
    assert "connect-src" not in policy
    assert not [part for part in policy.values() if "http" in part or "*" in part]


@pytest.mark.parametrize(
    "path",
    ["../secret.html", "m/../../secret.html", "/etc/passwd", "m//gate/night.html", "plain.txt", "m/gate/other.html", "m/gate"],
)
def test_nothing_outside_the_reports_and_nothing_but_pages_is_served(settings, path):
    from fastapi import HTTPException

    from evergreen.connect.pages import report

    with pytest.raises(HTTPException) as caught:
        report(path)
    assert caught.value.status_code == 404


def test_every_route_asks_who_is_there():
    from airflow.api_fastapi.core_api.security import requires_authenticated

    from evergreen.connect.pages import app

    asked = [dependency.dependency.__qualname__ for dependency in app.router.dependencies]
    assert asked == [requires_authenticated().__qualname__]
    assert {route.path for route in app.routes} == {"/reports/{path:path}", "/models", "/models/{name}"}
