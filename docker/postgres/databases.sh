#!/bin/sh
# Run once by PostgreSQL's image, on an empty volume: one owner a database, none of whom may look into another's.
set -eu
database() { # name, owner, password
    psql --quiet --set ON_ERROR_STOP=1 --username postgres --set name="$1" --set owner="$2" --set password="$3" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', :'owner', :'password')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
}
database airflow airflow "$AIRFLOW_DATABASE_PASSWORD"
database mlflow mlflow "$MLFLOW_DATABASE_PASSWORD"
database mlflow_users mlflow "$MLFLOW_DATABASE_PASSWORD"
database evergreen evergreen "$EVERGREEN_DATABASE_PASSWORD"
