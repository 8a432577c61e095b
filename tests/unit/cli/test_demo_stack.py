"""The demo on a stack that somebody else has started."""

import pytest

from evergreen.cli.demo_stack import PASSWORD_VARIABLE, DemoStack
from evergreen.errors import RequestError
from evergreen.settings import Settings


def test_it_plays_where_it_is_told(monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    stack = DemoStack.elsewhere("http://airflow:8080/", "ann", "http://gateway:8082/", Settings(mlflow_ui_url="http://mlflow"))
    assert (stack.airflow_url, stack.gateway_url, stack.mlflow_url) == (
        "http://airflow:8080",
        "http://gateway:8082",
        "http://mlflow",
    )
    assert stack.started_here is None


def test_without_a_gateway_none_is_asked(monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    assert DemoStack.elsewhere("http://airflow:8080", "ann", None, Settings()).gateway_url == ""


def test_a_missing_password_is_asked_for_by_name(monkeypatch):
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    with pytest.raises(RequestError, match=PASSWORD_VARIABLE):
        DemoStack.elsewhere("http://airflow:8080", "ann", None, Settings())
