"""Ask whether anybody knows a vulnerability of what the locks name: .venv/tools/bin/python .github/audit/audit.py.

Exit codes: 0 when every package was looked up and nothing is open, 1 when something is, 2 when some package could not be looked
up. pip-audit itself exits 0 when its service knows none of the packages; that is no clean answer and is not taken for one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from locks import LOCKS, Package, normal, read_lock

ACCEPTED = Path(".github/audit/accepted.toml")
LONGEST = timedelta(days=183)
"""How far ahead a finding may be accepted."""


@dataclass(frozen=True)
class Accepted:
    """A finding that somebody has looked at."""

    id: str
    package: str
    reason: str
    until: date


@dataclass(frozen=True)
class Answer:
    """What an audit came to, in lines for a person."""

    unknown: tuple[str, ...]
    open: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 clean, 1 something is open, 2 somebody could not be asked."""
        return 2 if self.unknown else 1 if self.open else 0


def read_accepted(text: str, today: date) -> tuple[Accepted, ...]:
    """Return the accepted findings.

    Raises:
        SystemExit: One lacks a reason, or is accepted for longer than half a year.
    """
    accepted = []
    for entry in tomllib.loads(text).get("accepted", []):
        if set(entry) != {"id", "package", "reason", "until"} or len(str(entry["reason"])) < 20:
            raise SystemExit(f"error: {entry.get('id', entry)} needs id, package, until and a reason in words")
        if type(entry["until"]) is not date or entry["until"] > today + LONGEST:
            raise SystemExit(f"error: {entry['id']}: `until` is a day at most {LONGEST.days} days ahead")
        accepted.append(Accepted(entry["id"], normal(entry["package"]), entry["reason"], entry["until"]))
    return tuple(accepted)


def judge(asked: dict[str, str], report: dict[str, Any], accepted: tuple[Accepted, ...], today: date) -> Answer:
    """Hold a report of pip-audit against what was asked and what is accepted.

    Args:
        asked: Versions by package.
        report: pip-audit's JSON.
        accepted: What somebody has looked at.
        today: The day on which an acceptance ends or not.
    """
    found = {normal(each["name"]): each for each in report.get("dependencies", [])}
    unknown = [name for name in asked if name not in found or "skip_reason" in found[name]]
    open_, notes, met = [], [], set()
    for name, each in sorted(found.items()):
        for finding in each.get("vulns", []):
            fixed = ", ".join(finding.get("fix_versions", [])) or "no version"
            line = f"{name} {each['version']}: {finding['id']}, fixed in {fixed}"
            match = _acceptance(name, {finding["id"], *finding.get("aliases", [])}, accepted, today)
            if match is None:
                open_.append(line)
            else:
                met.add(match)
                notes.append(f"{line}; accepted until {match.until}: {match.reason}")
    for each in accepted:
        if each.until < today:
            open_.append(f"{each.package}: {each.id} was accepted until {each.until}, which has passed: look again")
        elif each not in met and not unknown:
            notes.append(f"{each.package}: {each.id} is accepted, and found no more: remove it from {ACCEPTED}")
    return Answer(tuple(unknown), tuple(open_), tuple(notes))


def _acceptance(package: str, ids: set[str], accepted: tuple[Accepted, ...], today: date) -> Accepted | None:
    """A finding has several names, and may have been accepted under any of them."""
    return next((each for each in accepted if each.package == package and each.id in ids and each.until >= today), None)


def ask(packages: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Ask pip-audit about packages; return its report, empty where it broke off, and what it said beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--no-deps",
            "--disable-pip",
            "--progress-spinner",
            "off",
            "--format",
            "json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout), done.stderr
    except ValueError:
        return {}, done.stderr


def main() -> int:
    """Audit every lock at once, and say what came of it."""
    today = datetime.now(UTC).date()
    accepted = read_accepted(ACCEPTED.read_text(encoding="utf-8"), today)
    packages: dict[str, str] = {}
    for path in LOCKS.values():
        packages |= {package.name: package.version for package in _distinct(packages, read_lock(Path(path)), path)}
    report, said = ask(packages)
    answer = judge(packages, report, accepted, today)
    for line in (*answer.notes, *answer.open):
        sys.stdout.write(f"{line}\n")
    if answer.unknown:
        last = said.strip().splitlines()[-1] if said.strip() else "it answered, and knew none of them"
        sys.stderr.write(
            f"error: {len(answer.unknown)} of {len(packages)} packages could not be looked up, so this is no answer.\n"
            f"  found:   {', '.join(answer.unknown[:5])} …; pip-audit said last: {last[:300]}\n"
            "  do:      run it where the vulnerability service of the package index is reached; a mirror of packages has none\n"
        )
    else:
        sys.stdout.write(f"{len(packages)} packages of {len(LOCKS)} locks looked up; open: {len(answer.open)}\n")
    return answer.exit_code


def _distinct(known: dict[str, str], packages: tuple[Package, ...], path: str) -> tuple[Package, ...]:
    for package in packages:
        if known.get(package.name, package.version) != package.version:
            other = known[package.name]
            raise SystemExit(f"error: {path} has {package.name} {package.version}, another lock {other}; run `make lock`")
    return packages


if __name__ == "__main__":
    raise SystemExit(main())
