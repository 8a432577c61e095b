"""The environment and commands of docker/compose.yaml, as processes on loopback see them: what is tried is what is shipped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yaml"
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Z0-9_]+)(?P<default>:-[^}]*)?(?::\?[^}]*)?\}")


class ComposeFile:
    """Services of the compose file with this run's secrets and addresses.

    Args:
        secrets: Values of its variables, as docker/secrets.sh makes them.
        addresses: What stands for a service's name and port, such as `{"redis:6379": "127.0.0.1:40001"}`.
    """

    def __init__(self, secrets: Mapping[str, str], addresses: Mapping[str, str]) -> None:
        self._services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        self._secrets, self._addresses = secrets, addresses

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's variables."""
        found: Mapping[str, object] = self._services[service].get("environment", {})
        return {name: self._fill(str(value)) for name, value in found.items()}

    def command(self, service: str) -> list[str]:
        """Return a service's command."""
        return [self._fill(str(part)) for part in self._services[service]["command"]]

    def _fill(self, text: str) -> str:
        filled = _VARIABLE.sub(self._value, text)
        for there, here in self._addresses.items():
            filled = filled.replace(there, here)
        return filled

    def _value(self, match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        default = match.group("default")
        name = match.group("name")
        return self._secrets.get(name, default[2:]) if default else self._secrets[name]
