#!/bin/sh
# Make docker/.env (or the file you name), which only you can read, with a random value for every secret of compose.yaml. What is there stays.
set -eu
file="${1:-$(cd "$(dirname "$0")" && pwd)/.env}"
umask 077
touch "$file"
add() { # name, command that makes a value
    name=$1
    shift
    grep -q "^$name=" "$file" || printf '%s=%s\n' "$name" "$("$@")" >>"$file"
}
hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
fernet() { head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }

for name in POSTGRES_PASSWORD AIRFLOW_DATABASE_PASSWORD MLFLOW_DATABASE_PASSWORD EVERGREEN_DATABASE_PASSWORD REDIS_PASSWORD \
    S3_PASSWORD MLFLOW_ADMIN_PASSWORD MLFLOW_AIRFLOW_PASSWORD MLFLOW_GATEWAY_PASSWORD AIRFLOW_ADMIN_PASSWORD GRAFANA_ADMIN_PASSWORD; do
    add "$name" hex 24
done
for name in MLFLOW_SERVER_SECRET_KEY AIRFLOW_API_SECRET_KEY EVERGREEN_HASH_KEY; do
    add "$name" hex 32
done
add AIRFLOW_JWT_SECRET hex 64
add AIRFLOW_FERNET_KEY fernet
echo "secrets are in $file; users: admin at Airflow, MLflow and Grafana"
