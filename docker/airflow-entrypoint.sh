#!/bin/sh
# Airflow's simple authentication reads its one user's password from a file; here it comes from the environment.
set -eu
if [ -n "${EVERGREEN_ADMIN_PASSWORD:-}" ]; then
    passwords="$AIRFLOW_HOME/passwords.json"
    (umask 077 && printf '{"admin": "%s"}\n' "$EVERGREEN_ADMIN_PASSWORD" >"$passwords")
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin
    export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$passwords"
    unset EVERGREEN_ADMIN_PASSWORD
fi
exec "$@"
