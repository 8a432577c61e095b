#!/bin/sh
# MLflow reads where it keeps its users from a file alone; here the address comes from the environment.
set -eu
if [ -n "${MLFLOW_AUTH_DATABASE_URL:-}" ]; then
    export MLFLOW_AUTH_CONFIG_PATH=${TMPDIR:-/tmp}/basic_auth.ini
    (umask 077 && printf '%s\n' '[mlflow]' 'default_permission = READ' "database_uri = $MLFLOW_AUTH_DATABASE_URL" \
        'authorization_function = mlflow.server.auth:authenticate_request_basic_auth' >"$MLFLOW_AUTH_CONFIG_PATH")
    unset MLFLOW_AUTH_DATABASE_URL
fi
exec "$@"
