"""A home with landing files, and the DAGs that run over it."""

import os
from pathlib import Path
from unittest.mock import patch

from evergreen.settings import Settings

MODEL = "flight_delays"
QUICK = {"trials": 1}
"""One trial: these tests ask how the parts work together, not how well the model predicts."""


CANARY = "canary-7c1f"
"""Stands in every secret that is planted; `test_canary_secrets.py` looks for it wherever anything is written or said."""
SECRETS = {"hash_key": f"{CANARY}-hash", "gateway_key": f"evg_00000000_{CANARY}-gateway"}
"""Settings that are secrets."""
PLANTED = {
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}-aws",
    "AIRFLOW_CONN_SMTP_TEST": f"smtp://mail:{CANARY}-smtp@127.0.0.1:9",
    "AIRFLOW_CONN_SLACK_TEST": f"https://hooks.example.org/services/{CANARY}-slack",
    "MLFLOW_TRACKING_PASSWORD": f"{CANARY}-mlflow",
    "PGPASSWORD": f"{CANARY}-database",
}
"""Variables of others that are secrets."""


class Night:
    """A home with landing files, and the DAGs that run over it."""

    def __init__(self, home: Path, **addresses) -> None:
        self.settings = Settings(home=home, **addresses)
        self.landing = Path(self.settings.landing_uri) / MODEL
        self.first_training = None

    def run(self, kind: str, as_of: str, **params):
        from evergreen.connect.in_process import run_dag

        addresses = {f"EVERGREEN_{name.upper()}": str(value) for name, value in self.settings.model_dump(mode="json").items()}
        extra = {**QUICK, **params} if kind == "training" else params
        with patch.dict(os.environ, addresses):
            return run_dag(f"{MODEL}.{kind}", {"as_of": as_of, **extra})
