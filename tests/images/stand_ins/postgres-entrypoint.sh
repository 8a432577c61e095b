#!/bin/sh
# As the official image does: on an empty volume make the cluster, start it on its socket alone, run what lies in initdb.d.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    initdb --pgdata "$PGDATA" --username postgres --pwfile /tmp/password --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --wait --options "-c listen_addresses= -c unix_socket_directories=/var/run/postgresql" start >/dev/null
    for script in /docker-entrypoint-initdb.d/*; do "$script"; done
    pg_ctl --pgdata "$PGDATA" --wait --mode fast stop >/dev/null
fi
exec "$@" -c 'listen_addresses=*' -c unix_socket_directories=/var/run/postgresql
