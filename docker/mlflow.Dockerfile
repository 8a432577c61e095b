# MLflow's server with basic authentication, on PostgreSQL, keeping artifacts in S3.
# Build it from the project's root: make images
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG UV_VERSION=0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check uv==${UV_VERSION} \
    && python -m venv --without-pip /opt/venv
WORKDIR /build
COPY docker/mlflow.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv pip install --python /opt/venv/bin/python --require-hashes --no-deps -r mlflow.lock

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="MLflow for Evergreen" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 50000 mlflow \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin mlflow
COPY --from=build /opt/venv /opt/venv
COPY --chmod=0755 docker/mlflow-entrypoint.sh /usr/local/bin/mlflow-entrypoint
COPY docker/healthy.py docker/mlflow_users.py /opt/evergreen/
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore \
    DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true GIT_PYTHON_REFRESH=quiet \
    MPLCONFIGDIR=/tmp/matplotlib \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER 50000:50000
WORKDIR /tmp
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=6 \
    CMD ["python", "/opt/evergreen/healthy.py", "http://127.0.0.1:5000/health"]
ENTRYPOINT ["mlflow-entrypoint"]
CMD ["mlflow", "server", "--app-name", "basic-auth", "--host", "0.0.0.0", "--port", "5000", "--workers", "1"]
