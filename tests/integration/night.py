"""A home with landing files, and the DAGs that run over it."""

import os
from pathlib import Path
from unittest.mock import patch

from evergreen.settings import Settings

MODEL = "flight_delays"
QUICK = {"trials": 1}
"""One trial: these tests ask how the parts work together, not how well the model predicts."""


class Night:
    """A home with landing files, and the DAGs that run over it."""

    def __init__(self, home: Path, **addresses) -> None:
        self.settings = Settings(home=home, **addresses)
        self.landing = Path(self.settings.landing_uri) / MODEL

    def run(self, kind: str, as_of: str, **params):
        from evergreen.connect.in_process import run_dag

        addresses = {f"EVERGREEN_{name.upper()}": str(value) for name, value in self.settings.model_dump(mode="json").items()}
        extra = {**QUICK, **params} if kind == "training" else params
        with patch.dict(os.environ, addresses):
            return run_dag(f"{MODEL}.{kind}", {"as_of": as_of, **extra})
