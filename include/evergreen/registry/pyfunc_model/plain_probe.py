"""Score stored rows with plain MLflow, in a process where Evergreen cannot be imported.

``python -I plain_probe.py QUESTION ANSWER``: both are JSON files. This file stands alone, like the model it loads.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any


class _NoEvergreen(MetaPathFinder):
    """The package is installed beside MLflow; here it must not be found."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname.partition(".")[0] == "evergreen":
            raise ModuleNotFoundError(f"{fullname}: plain MLflow must do without Evergreen")


def main(question_path: str, answer_path: str) -> None:
    """Answer a question file: `tracking_uri`, `model`, `version` and `columns` (values by feature)."""
    sys.meta_path.insert(0, _NoEvergreen())
    question = json.loads(Path(question_path).read_text(encoding="utf-8"))
    started = time.perf_counter()
    import mlflow
    import mlflow.pyfunc
    import pandas as pd

    mlflow.set_tracking_uri(question["tracking_uri"])
    model = mlflow.pyfunc.load_model(f"models:/{question['model']}/{question['version']}")
    load_seconds = time.perf_counter() - started
    answers = model.predict(pd.DataFrame(question["columns"]))
    answer = {"batch": answers["probability"].tolist(), "load_seconds": load_seconds}
    Path(answer_path).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
