"""What an environment runs: `docker/environments/NAME.env` pins it, a numbered template beside it says how it is run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

FOLDER = Path("docker/environments")
PINS = ("TEMPLATE", "CODE_REVISION", "BUNDLE_VERSION", "AIRFLOW_IMAGE", "GATEWAY_IMAGE", "MLFLOW_IMAGE")
"""What a promotion carries from one environment to the next; every other line is an environment's own."""
CODE = ("include/evergreen", "plugins", "pyproject.toml", "requirements.lock", "docker/airflow.lock")
"""What comes in the image. DAG files import it, so a bundle fits an image only while these are the same in both."""

_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_FORMS = {
    "TEMPLATE": re.compile(r"[1-9]\d{0,3}"),
    "CODE_REVISION": re.compile(r"[0-9a-f]{40}"),
    "BUNDLE_VERSION": re.compile(r"[0-9a-f]{40}"),
    **dict.fromkeys(
        ("AIRFLOW_IMAGE", "GATEWAY_IMAGE", "MLFLOW_IMAGE"), re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
    ),
}
_NOTHING = re.compile(r"(^|:)0+$")


class Refused(Exception):
    """What is asked for may not happen; the message says why and what to do."""


def git(*arguments: str) -> str:
    """Return what git answers.

    Raises:
        Refused: git did not succeed.
    """
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def values_of(text: str) -> dict[str, str]:
    """Return the names and values of an environment file."""
    return dict(_LINE.findall(text))


def environment_at(name: str, commit: str | None = None) -> dict[str, str]:
    """Return what an environment's file says at a commit, or in the checkout."""
    path = FOLDER / f"{name}.env"
    return values_of(git("show", f"{commit}:{path.as_posix()}") if commit else path.read_text(encoding="utf-8"))


def pins_of(values: dict[str, str]) -> dict[str, str]:
    """Return the pins among an environment's values."""
    return {name: values[name] for name in PINS if name in values}


def with_pins(text: str, pins: dict[str, str]) -> str:
    """Return an environment file with other pins; comments and what is the environment's own stay."""
    return _LINE.sub(lambda line: f"{line[1]}={pins.get(line[1], line[2])}", text)


def require_sound(values: dict[str, str], templates: Path = FOLDER) -> None:
    """Refuse pins that pin nothing, and a template that this checkout does not know.

    Raises:
        Refused: Every mistake, one a line.
    """
    mistakes = [
        f"{name}={values.get(name, '')!r} is no {'template number' if name == 'TEMPLATE' else 'full commit or image digest'}"
        for name, form in _FORMS.items()
        if not form.fullmatch(values.get(name, ""))
    ]
    mistakes += [
        f"{name} is all zeros: nothing has been published yet" for name in PINS if _NOTHING.search(values.get(name, ""))
    ]
    known = sorted(int(path.stem.removeprefix("template-")) for path in templates.glob("template-*.yaml"))
    number = values.get("TEMPLATE", "")
    if number.isdigit() and int(number) not in known:
        mistakes.append(f"TEMPLATE={number} is not known here; known: {', '.join(map(str, known))}")
    elif number.isdigit():
        required = re.search(
            r"^# requires: (.+)$", (templates / f"template-{number}.yaml").read_text(encoding="utf-8"), re.MULTILINE
        )
        names = required[1].split() if required else []
        mistakes += [f"template {number} requires {name}" for name in names if not values.get(name)]
    if mistakes:
        raise Refused("\n".join(mistakes))


def require_one_code(pins: dict[str, str]) -> None:
    """Refuse an image and a bundle whose code differs, and a template that is not the one of the pinned code.

    Raises:
        Refused: They differ, or git does not know one of the commits.
    """
    revision, bundle = pins["CODE_REVISION"], pins["BUNDLE_VERSION"]
    changed = git("diff", "--name-only", revision, bundle, "--", *CODE).split()
    if changed:
        raise Refused(
            f"the bundle {bundle[:9]} was written for other code than the image's {revision[:9]}: {', '.join(changed[:5])}.\n"
            f"Build an image of {bundle[:9]}, or pin a bundle whose code is the image's"
        )
    path = (FOLDER / f"template-{pins['TEMPLATE']}.yaml").as_posix()
    if git("show", f"{revision}:{path}") != Path(path).read_text(encoding="utf-8"):
        raise Refused(f"{path} is not what it was at {revision[:9]}: a template that is in use is never changed, add another")
