"""`stack.json`: what runs, where and since when. Written by the supervisor, read by everybody else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from evergreen.cli.stack.processes import ProcessIdentity
from evergreen.cli.stack.secrets import write_private

if TYPE_CHECKING:
    from pathlib import Path

State = Literal["waiting", "running", "backing off", "done", "failed"]
FORMAT = 1


@dataclass
class ComponentRecord:
    """One component as the supervisor sees it."""

    state: State = "waiting"
    process: ProcessIdentity | None = None
    restarts: int = 0
    log: str = ""
    detail: str = ""
    """Why it failed or waits, in one sentence."""


@dataclass
class StackRecord:
    """The whole stack."""

    supervisor: ProcessIdentity
    airflow_url: str
    mlflow_url: str
    started: float
    """When the supervisor began, seconds since the epoch."""
    components: dict[str, ComponentRecord] = field(default_factory=dict)
    gateway_url: str = ""

    @property
    def airflow_port(self) -> int:
        """Port in `airflow_url`."""
        return int(self.airflow_url.rpartition(":")[2])

    @property
    def mlflow_port(self) -> int:
        """Port in `mlflow_url`."""
        return int(self.mlflow_url.rpartition(":")[2])

    @property
    def gateway_port(self) -> int:
        """Port in `gateway_url`; 0 for a stack without a gateway."""
        return int(self.gateway_url.rpartition(":")[2] or 0)

    def leaders(self) -> list[ProcessIdentity]:
        """Return every process that opened a session of its own."""
        return [component.process for component in self.components.values() if component.process]

    def failed(self) -> dict[str, ComponentRecord]:
        """Return the components that were given up."""
        return {name: component for name, component in self.components.items() if component.state == "failed"}

    def write(self, path: Path) -> None:
        """Write the record whole, readable by its owner alone."""
        components = {
            name: {
                "state": component.state,
                "process": component.process.to_json() if component.process else None,
                "restarts": component.restarts,
                "log": component.log,
                "detail": component.detail,
            }
            for name, component in self.components.items()
        }
        value = {
            "format": FORMAT,
            "airflow_url": self.airflow_url,
            "mlflow_url": self.mlflow_url,
            "gateway_url": self.gateway_url,
            "started": self.started,
            "supervisor": self.supervisor.to_json(),
            "components": components,
        }
        write_private(path, json.dumps(value, indent=2) + "\n")


def read_record(path: Path) -> StackRecord | None:
    """Return the record, or None when there is none or it is not readable as one."""
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        components = {
            name: ComponentRecord(
                **{**part, "process": ProcessIdentity.from_json(part["process"]) if part["process"] else None}
            )
            for name, part in value["components"].items()
        }
        return StackRecord(
            supervisor=ProcessIdentity.from_json(value["supervisor"]),
            airflow_url=value["airflow_url"],
            mlflow_url=value["mlflow_url"],
            started=value["started"],
            components=components,
            gateway_url=value.get("gateway_url", ""),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
