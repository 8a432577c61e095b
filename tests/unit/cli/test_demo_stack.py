"""What the demo says of the stack it plays on: one of this machine, or one that somebody else has started."""

import sys
from pathlib import Path

import pytest
from rich.console import Console

from evergreen.cli import demo, local
from evergreen.cli.demo_stack import PASSWORD_VARIABLE, DemoStack, show_where_the_command_lies
from evergreen.cli.stack.layout import StackLayout
from evergreen.cli.stack.lifecycle import RunningStack
from evergreen.cli.stack.secrets import StackSecrets
from evergreen.errors import RequestError
from evergreen.settings import PROJECT_ROOT, Settings


@pytest.fixture
def stack(tmp_path):
    secrets = StackSecrets(jwt_secret="", api_secret_key="", fernet_key="", admin_password="s3same")
    return RunningStack(StackLayout(tmp_path, PROJECT_ROOT), secrets, "http://127.0.0.1:5000", newly_started=True)


def test_the_login_is_said_before_the_first_link_that_asks_for_it(stack, monkeypatch, capsys):
    monkeypatch.setenv("EVERGREEN_HOME", str(stack.layout.home))
    monkeypatch.setattr(local, "start", lambda *_: stack)
    monkeypatch.setattr(demo._Story, "tell", lambda self, watch: self._console.print(f"{self._stack.airflow_url}/dags/…"))
    demo.demo()
    said = capsys.readouterr().out
    assert f"{stack.layout.airflow_url}  (user admin, password s3same)" in said
    assert said.index("s3same") < said.index("/dags/…")


def test_a_shell_that_does_not_find_the_command_is_told_where_it_lies(tmp_path, monkeypatch, capsys):
    lies = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(tmp_path))
    show_where_the_command_lies(Console(soft_wrap=True))
    assert f'export PATH="{lies}:$PATH"' in capsys.readouterr().out
    command = tmp_path / "evergreen"
    command.touch(mode=0o755)
    show_where_the_command_lies(Console(soft_wrap=True))
    assert capsys.readouterr().out == ""


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
