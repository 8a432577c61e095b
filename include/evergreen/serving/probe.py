"""Load a release in a fresh process as the gateway will, answer stored rows, and say how long and how much that took.

``python -m evergreen.serving.probe QUESTION ANSWER``: both are JSON files. Rows come as plain columns, without pandas, and are
answered by ONNX Runtime where the model is boosted trees: the light road that a request takes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.predictors.predictor import Predictor

WARM_UP_ROWS = 5
MEASURED_ANSWERS = 400
"""Single-row answers to time; stored rows are asked again when there are fewer."""


def main(question_path: str, answer_path: str) -> None:
    """Answer a question file.

    Args:
        question_path: JSON with `bundle_uri`, `bundle_digest` and `columns` (values by feature).
        answer_path: Where the answers and measurements are written.

    Raises:
        DigestMismatchError: The bundle is not the one that was decided on.
    """
    started = time.perf_counter()
    question = json.loads(Path(question_path).read_text(encoding="utf-8"))
    predictor = _load(question)
    columns = question["columns"]
    predictor.probability(_row(columns, 0), engine="onnx")
    load_seconds = time.perf_counter() - started
    batch = predictor.probability(columns, engine="onnx").tolist()
    single, milliseconds = _answer_singly(predictor, columns, len(batch))
    answer = {
        "batch": batch,
        "single": single,
        "load_seconds": load_seconds,
        "single_row_p50_ms": _quantile(milliseconds, 0.50),
        "single_row_p99_ms": _quantile(milliseconds, 0.99),
        "peak_memory_mb": peak_memory_mb(),
    }
    Path(answer_path).write_text(json.dumps(answer), encoding="utf-8")


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MiB.

    The kernel's `ru_maxrss` begins with what the parent had before this program was started, so Linux is asked for the
    high-water mark of the program alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def _load(question: Mapping[str, Any]) -> Predictor:
    from evergreen.files import Files
    from evergreen.predictors.bundle import load_predictor
    from evergreen.settings import Settings

    return load_predictor(Files.from_settings(Settings()), question["bundle_uri"], question["bundle_digest"])


def _answer_singly(predictor: Predictor, columns: Mapping[str, list[Any]], rows: int) -> tuple[list[float], list[float]]:
    answers, milliseconds = [], []
    for number in range(max(rows, MEASURED_ANSWERS) + WARM_UP_ROWS):
        row = _row(columns, number % rows)
        started = time.perf_counter()
        probability = float(predictor.probability(row)[0])
        if number >= WARM_UP_ROWS:
            milliseconds.append((time.perf_counter() - started) * 1000)
        if number < rows:
            answers.append(probability)
    return answers, milliseconds


def _row(columns: Mapping[str, list[Any]], number: int) -> dict[str, list[Any]]:
    return {name: [values[number]] for name, values in columns.items()}


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main(*sys.argv[1:])
