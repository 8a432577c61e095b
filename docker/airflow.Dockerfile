# Airflow with the project installed: API server, scheduler, DAG processor, triggerer, Celery worker and migration are this one image.
# Build it from the project's root: make images
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG UV_VERSION=0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check uv==${UV_VERSION} \
    && python -m venv --without-pip /opt/venv
WORKDIR /build
COPY docker/airflow.lock ./
# Without dependencies: the lock names every package and leaves out the 469 MB that XGBoost wants for GPUs on several machines.
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv pip install --python /opt/venv/bin/python --require-hashes --no-deps -r airflow.lock
COPY pyproject.toml README.md requirements.lock ./
COPY include/evergreen include/evergreen
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv build --python /opt/venv/bin/python --wheel --require-hashes --build-constraints requirements.lock --out-dir dist . \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-deps dist/*.whl \
    && cp requirements.lock /opt/venv/lib/python3.11/

FROM ${BASE_IMAGE}
ARG CODE_REVISION=unknown
LABEL org.opencontainers.image.title="Evergreen on Airflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${CODE_REVISION}"
# Airflow asks for the name of its user. The folders are what a new volume takes its owner from.
RUN groupadd --gid 50000 evergreen \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin evergreen \
    && install -d -o 50000 -g 50000 /opt/airflow /var/lib/evergreen /data
# BUNDLES=git puts in the program with which Airflow takes DAG files and definitions from a repository, and ssh to reach one.
ARG BUNDLES=none
# hadolint ignore=DL3008
RUN if [ "${BUNDLES}" = git ]; then \
        apt-get update && apt-get install -y --no-install-recommends git openssh-client && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=build /opt/venv /opt/venv
COPY --chmod=0755 docker/airflow-entrypoint.sh /usr/local/bin/airflow-entrypoint
COPY docker/healthy.py /opt/evergreen/healthy.py
COPY dags /opt/evergreen/dags
COPY plugins /opt/evergreen/plugins
COPY include/models /opt/evergreen/models
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore \
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0 \
    DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true GX_ANALYTICS_ENABLED=false GIT_PYTHON_REFRESH=quiet \
    MPLCONFIGDIR=/tmp/matplotlib \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/evergreen/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/evergreen/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    EVERGREEN_HOME=/var/lib/evergreen \
    EVERGREEN_DEFINITIONS_DIR=/opt/evergreen/models \
    EVERGREEN_CODE_REVISION=${CODE_REVISION}
USER 50000:50000
WORKDIR /opt/airflow
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=10s --start-period=90s --retries=6 \
    CMD ["python", "/opt/evergreen/healthy.py", "http://127.0.0.1:8080/api/v2/monitor/health", "metadatabase"]
ENTRYPOINT ["airflow-entrypoint"]
CMD ["airflow", "api-server"]
