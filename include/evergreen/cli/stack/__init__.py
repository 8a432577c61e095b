"""The local stack: Airflow's four components, MLflow's server and the gateway, supervised, on loopback."""
