#!/usr/bin/env bash
# Tell the demo on the stack of docker/compose.yaml, run as processes on loopback with the packages of the images' locks, and
# disturb it. Needs Debian's packages postgresql, redis-server, radosgw, ceph-mon and ceph-osd; no containers. Everything is
# made in one folder and removed at the end (KEEP=1 leaves the two environments, WORK names the folder).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WORK:-$(mktemp -d /tmp/evergreen-production-lane.XXXXXX)}
uv=$root/.venv/bin/uv
[ "${KEEP:-}" = 1 ] || trap 'rm -rf "$work"' EXIT

for package in postgresql redis-server radosgw ceph-mon ceph-osd; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
if [ -n "${missing:-}" ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

for image in airflow mlflow; do
    [ -x "$work/$image/bin/python" ] || "$uv" venv --quiet --python "$root/.venv/bin/python" "$work/$image"
    "$uv" pip install --quiet --python "$work/$image/bin/python" --require-hashes --no-deps --compile-bytecode -r "$root/docker/$image.lock"
done
"$uv" build --quiet --wheel --no-build-isolation --python "$root/.venv/bin/python" --out-dir "$work/dist" "$root"
"$uv" pip install --quiet --python "$work/airflow/bin/python" --no-deps --reinstall --compile-bytecode "$work"/dist/*.whl
cp "$root/requirements.lock" "$work"/airflow/lib/python3.11/   # as the image does: a bundle names the lock it was made with

AIRFLOW_VENV="$work/airflow" MLFLOW_VENV="$work/mlflow" \
    "$root/.venv/bin/python" -m pytest -p no:cacheprovider -n 0 -s "$root/tests/production" "$@"
