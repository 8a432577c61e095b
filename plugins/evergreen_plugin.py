"""Registers Evergreen's pages and links with Airflow; every answer comes from `evergreen.status` and `evergreen.connect`."""

from airflow.plugins_manager import AirflowPlugin

from evergreen.connect.operator_links import EvidentlyLink, MlflowRunLink, ReportLink
from evergreen.connect.pages import app


class EvergreenPlugin(AirflowPlugin):
    """Pages under /evergreen, and three links on every task that has something to show."""

    name = "evergreen"
    fastapi_apps = [{"app": app, "url_prefix": "/evergreen", "name": "evergreen"}]
    external_views = [
        {
            "name": "Evergreen",
            "href": "/evergreen/models",
            "destination": "nav",
            "url_route": "evergreen",
            "nav_top_level": True,
        }
    ]
    global_operator_extra_links = [ReportLink(), EvidentlyLink(), MlflowRunLink()]
