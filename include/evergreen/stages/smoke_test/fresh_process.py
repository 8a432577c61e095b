"""Ask a question in a process of its own: JSON in, JSON out, a limit on its time, its last words when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.errors import SmokeTestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.settings import Settings

_LAST_WORDS_CHARACTERS = 2000


def ask_fresh_process(
    arguments: Sequence[str], question: Mapping[str, Any], settings: Settings, *, what: str, timeout_seconds: float
) -> dict[str, Any]:
    """Run Python with arguments, a question file and an answer file, and return the answer.

    Args:
        arguments: Python's own, such as `-m package.module`.
        question: JSON values.
        settings: Handed on as environment variables, so that the process finds the same stores.
        what: What the process does, for the error: "loads the release".
        timeout_seconds: Wall-clock limit; the process is killed after it.

    Raises:
        SmokeTestError: The process failed, took too long or gave no answer.
    """
    with tempfile.TemporaryDirectory(prefix="evergreen-smoke-") as folder:
        asked, answered = Path(folder) / "question.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(question, allow_nan=False), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, *arguments, str(asked), str(answered)],
                cwd=folder,
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(what, f"no answer after {timeout_seconds:.0f} s", error.stderr) from error
        if done.returncode != 0:
            raise _failed(what, f"exit status {done.returncode}", done.stderr)
        try:
            answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _failed(what, f"no answer that can be read: {error}", done.stderr) from error
        return answer


def _environment(settings: Settings) -> dict[str, str]:
    own = {f"EVERGREEN_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "OMP_NUM_THREADS": "1"}
    endpoint = {"MLFLOW_S3_ENDPOINT_URL": settings.s3_endpoint_url} if settings.s3_endpoint_url else {}
    return {**os.environ, **own, **quiet, **endpoint}


def _failed(what: str, found: str, stderr: bytes | None) -> SmokeTestError:
    last_words = (stderr or b"").decode(errors="replace").strip()[-_LAST_WORDS_CHARACTERS:]
    return SmokeTestError(
        f"a fresh process that {what} failed",
        found=f"{found}; it said: {last_words or '(nothing)'}",
        allowed="an answer to every stored row",
        remedy="mend what it complains about and clear the smoke_test task; the champion has not moved",
    )
