"""Where the demo plays: on the stack of this machine, or on one that somebody else has started."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from evergreen.cli.airflow_api import AirflowApi
    from evergreen.cli.stack.lifecycle import RunningStack
    from evergreen.settings import Settings

PASSWORD_VARIABLE = "EVERGREEN_AIRFLOW_PASSWORD"


@dataclass(frozen=True)
class DemoStack:
    """Airflow, MLflow and the gateway that the story is told with."""

    api: AirflowApi
    airflow_url: str
    mlflow_url: str
    gateway_url: str
    """Empty where no gateway is asked."""
    started_here: RunningStack | None = None

    @classmethod
    def here(cls, stack: RunningStack) -> DemoStack:
        """Play on the stack that `evergreen up` starts."""
        from evergreen.cli.airflow_api import AirflowApi
        from evergreen.cli.stack.secrets import ADMIN

        layout = stack.layout
        api = AirflowApi(layout.airflow_url, ADMIN, stack.secrets.admin_password)
        return cls(api, layout.airflow_url, stack.mlflow_url, layout.gateway_url, stack)

    @classmethod
    def elsewhere(cls, airflow_url: str, user: str, gateway_url: str | None, settings: Settings) -> DemoStack:
        """Play on a stack that runs already, whose stores are those of the settings.

        Raises:
            RequestError: The password of Airflow's user is not in the environment.
        """
        from evergreen.cli.airflow_api import AirflowApi

        password = os.environ.get(PASSWORD_VARIABLE, "")
        if not password:
            raise RequestError(
                f"Airflow at {airflow_url} wants a password",
                found=f"no {PASSWORD_VARIABLE}",
                allowed=f"the password of its user {user}, who may start runs, in the environment",
                remedy=f"set {PASSWORD_VARIABLE} and run the command again",
            )
        airflow_url = airflow_url.rstrip("/")
        gateway = (gateway_url or "").rstrip("/")
        return cls(AirflowApi(airflow_url, user, password), airflow_url, settings.mlflow_ui_url, gateway)

    def show_addresses(self, console: Console) -> None:
        """Print where to look and, for a stack started here, how to log in."""
        if self.started_here:
            from evergreen.cli import local

            local.show_addresses(console, self.started_here)
            return
        for name, url in (("Airflow", self.airflow_url), ("MLflow", self.mlflow_url), ("gateway", self.gateway_url)):
            if url:
                console.print(f"  {name:<8} {url}", markup=False)


def show_where_the_command_lies(console: Console) -> None:
    """Print how a shell comes to find `evergreen`, where this one does not: make calls it by its path."""
    if shutil.which("evergreen") is None:
        folder = Path(sys.executable).parent
        console.print(f'\nThis shell does not find `evergreen` yet: export PATH="{folder}:$PATH"', markup=False)
