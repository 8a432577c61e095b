"""The local stack: Airflow's four components and MLflow's server, supervised, on loopback."""
