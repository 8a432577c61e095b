"""Carry what staging runs and has proven to production, by pull request.

python .github/promote.py gather EVIDENCE      where staging can be reached: write down what it runs and has proven
python .github/promote.py propose EVIDENCE     on main: change production's pins, keep the evidence, print the request's text
python .github/promote.py check BASE           on the pull request: refuse what staging does not run or has not proven
python .github/promote.py pin staging NAME=VALUE …   change pins, as `publish` does after it has built them

PROOF_VERDICTS and PROOF_NIGHTS say how many of each a model must have had in staging; 1 and 3 where they say nothing.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from deployments import (
    FOLDER,
    PINS,
    Refused,
    environment_at,
    git,
    pins_of,
    require_one_code,
    require_sound,
    values_of,
    with_pins,
)
from evidence import Demand, as_text, gather, require_proof

EVIDENCE = FOLDER / "evidence.json"
"""What the newest promotion rested on; kept beside the pins, so that history says why they changed."""


def write_evidence(path: str) -> str:
    """Ask staging, and write down what it answers."""
    values = environment_at("staging")
    require_sound(values)
    since = git("log", "-1", "--format=%cI", "--", str(FOLDER / "staging.env")).strip()
    evidence = gather(_models(), values, datetime.fromisoformat(since))
    Path(path).write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    return as_text(evidence)


def propose(path: str) -> str:
    """Change production's pins to staging's in the checkout, if the evidence bears it; return the text of the pull request."""
    staging = environment_at("staging")
    evidence = json.loads(Path(path).read_text(encoding="utf-8"))
    _require_promotable(staging, evidence)
    change("production", pins_of(staging))
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    return as_text(evidence)


def check(base: str) -> str:
    """Judge the checkout's production pins against main as it was at `base`.

    Staging is read at `base`, so that one change cannot move both. A return to what production ran before needs no proof.
    """
    proposed, before = environment_at("production"), environment_at("production", base)
    if pins_of(proposed) == pins_of(before):
        return "production's pins stay as they are\n"
    require_sound(proposed)
    if pins_of(proposed) in _past_pins(base):
        require_one_code(pins_of(proposed))
        return "production goes back to what it ran before\n"
    staging = environment_at("staging", base)
    differing = [name for name in PINS if proposed.get(name) != staging.get(name)]
    if differing:
        lines = (f"{name}: {proposed.get(name)} is proposed, staging runs {staging.get(name)}" for name in differing)
        raise Refused("production may only get what staging runs:\n" + "\n".join(lines))
    if not EVIDENCE.is_file():
        raise Refused(f"{EVIDENCE} is missing: let the workflow `promote` make the change")
    _require_promotable(proposed, json.loads(EVIDENCE.read_text(encoding="utf-8")))
    return "staging runs this and has proven it\n"


def change(environment: str, pins: dict[str, str]) -> str:
    """Change an environment's pins in the checkout."""
    unknown = sorted(set(pins) - set(PINS))
    if unknown:
        raise Refused(f"{', '.join(unknown)}: no pin; pins are {', '.join(PINS)}")
    path = FOLDER / f"{environment}.env"
    text = with_pins(path.read_text(encoding="utf-8"), pins)
    require_sound(values_of(text))
    path.write_text(text, encoding="utf-8")
    return f"{path} is changed\n"


def _require_promotable(values: dict[str, str], evidence: dict[str, object]) -> None:
    require_sound(values)
    require_one_code(pins_of(values))
    demand = Demand(int(os.environ.get("PROOF_VERDICTS") or 1), int(os.environ.get("PROOF_NIGHTS") or 3))
    require_proof(evidence, pins_of(values), _models(), demand)


def _past_pins(base: str) -> list[dict[str, str]]:
    commits = git("log", "--format=%H", base, "--", str(FOLDER / "production.env")).split()
    return [pins_of(environment_at("production", commit)) for commit in commits]


def _models() -> list[str]:
    return sorted(path.parent.name for path in Path("include/models").glob("*/model.yaml"))


def main(arguments: list[str]) -> str:
    """Do what the first word says."""
    match arguments:
        case ["gather", path]:
            return write_evidence(path)
        case ["propose", path]:
            return propose(path)
        case ["check", base]:
            return check(base)
        case ["pin", environment, *pairs] if pairs and all("=" in pair for pair in pairs):
            return change(environment, dict(pair.split("=", 1) for pair in pairs))
    raise Refused(str(__doc__))


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]))
    except Refused as refused:
        raise SystemExit(f"refused: {refused}") from None
