"""What an environment has proven: which code its workers run, and what gate and nights said of every model since."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployments import Refused, pins_of

if TYPE_CHECKING:
    from collections.abc import Sequence

IN_STAGING = "IN_STAGING"
"""Variable that holds what runs a command on a worker of the environment, as `docker compose … exec -T worker-light`."""
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"


@dataclass(frozen=True)
class Demand:
    """How much is proof enough, for each model."""

    verdicts: int = 1
    """Verdicts of the gate, whatever they said: that it came to one is what is proven."""
    nights: int = 3
    """Nights that monitoring has looked at, by the dates of the data."""


def gather(models: Sequence[str], values: dict[str, str], since: datetime) -> dict[str, Any]:
    """Ask an environment what it runs and what came of it.

    Args:
        models: Those it must have proven.
        values: What its file says.
        since: When its file came to say so; earlier verdicts prove nothing.
    """
    bundles = _ask("printenv", BUNDLES, may_fail=True)
    found = re.search(r'"tracking_ref":\s*"([^"]+)"', bundles)
    return {
        "gathered_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "since": since.isoformat(timespec="seconds"),
        "pins": pins_of(values),
        "running": {
            "CODE_REVISION": _ask("printenv", "EVERGREEN_CODE_REVISION").strip(),
            "BUNDLE_VERSION": found[1] if found else None,
        },
        "models": [_proven(json.loads(_ask("evergreen", "status", model, "--json", "--last", "20"))) for model in models],
    }


def require_proof(evidence: dict[str, Any], pins: dict[str, str], models: Sequence[str], demand: Demand) -> None:
    """Refuse a promotion of pins that this evidence does not speak of, or not clearly enough.

    Raises:
        Refused: Everything that is missing, one a line.
    """
    missing = []
    if evidence["pins"] != pins:
        missing.append("the evidence speaks of other pins than these: gather it again")
    running = evidence["running"]
    if running["CODE_REVISION"] != pins["CODE_REVISION"]:
        missing.append(f"staging's workers run the code {running['CODE_REVISION'][:12]}, not {pins['CODE_REVISION'][:12]}")
    if running["BUNDLE_VERSION"] not in (None, pins["BUNDLE_VERSION"]):
        missing.append(f"staging's workers take the bundle {running['BUNDLE_VERSION'][:12]}, not {pins['BUNDLE_VERSION'][:12]}")
    if running["BUNDLE_VERSION"] is None and pins["TEMPLATE"] != "1":
        missing.append(f"staging's workers have no git bundle, which template {pins['TEMPLATE']} gives them")
    by_name = {model["model"]: model for model in evidence["models"]}
    for name in models:
        missing += _lacking(by_name.get(name), name, demand, since=datetime.fromisoformat(evidence["since"]))
    if missing:
        raise Refused("\n".join(missing))


def as_text(evidence: dict[str, Any]) -> str:
    """Return the evidence for a person: what runs, and model by model what gate and nights said."""
    pins = "\n".join(f"| `{name}` | `{value}` |" for name, value in evidence["pins"].items())
    parts = [
        f"Staging runs this since {evidence['since']}; asked at {evidence['gathered_at']}.",
        f"| pin | |\n|---|---|\n{pins}",
    ]
    for model in evidence["models"]:
        lines = [f"### {model['model']}", f"Champion: {model['champion'] or 'none yet'}."]
        for each in model["verdicts"][:5]:
            reasons = " ".join(each["reasons"])
            lines.append(f"- gate, as of {each['as_of']}: **{each['outcome']}**. {reasons}")
        lines += [f"- night of {each['as_of']}: {each['action']} ({each['cause']})" for each in model["nights"][:5]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _proven(status: dict[str, Any]) -> dict[str, Any]:
    champion = status["champion"] or {}
    return {
        "model": status["model"],
        "champion": champion.get("version"),
        "verdicts": [
            {key: each[key] for key in ("as_of", "outcome", "reasons", "recorded_at", "measurement_digest")}
            for each in status["decisions"]
        ],
        "nights": [
            {key: each[key] for key in ("as_of", "cause", "action", "severity", "reasons")} for each in status["nights"]
        ],
    }


def _lacking(model: dict[str, Any] | None, name: str, demand: Demand, since: datetime) -> list[str]:
    if model is None:
        return [f"{name}: staging says nothing of it"]
    verdicts = sum(datetime.fromisoformat(each["recorded_at"]) >= since for each in model["verdicts"])
    nights = sum(datetime.fromisoformat(each["as_of"]) >= since for each in model["nights"])
    return [
        f"{name}: {count} {what} since {since.isoformat(timespec='minutes')}, {wanted} are asked for"
        for what, count, wanted in (("verdicts", verdicts, demand.verdicts), ("nights", nights, demand.nights))
        if count < wanted
    ]


def _ask(*command: str, may_fail: bool = False) -> str:
    prefix = shlex.split(os.environ.get(IN_STAGING, ""))
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise Refused(f"{' '.join(command)} did not answer in staging ({IN_STAGING}): {done.stderr.strip()[-400:]}")
    return done.stdout
