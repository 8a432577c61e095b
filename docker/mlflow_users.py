"""Make MLflow's users once: Airflow's, who owns what it makes, and the gateway's, who may read."""

import os

from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient

client = AuthServiceClient(os.environ["MLFLOW_TRACKING_URI"])
for name in ("airflow", "gateway"):
    password = os.environ[f"MLFLOW_{name.upper()}_PASSWORD"]
    try:
        client.create_user(name, password)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_user_password(name, password)
