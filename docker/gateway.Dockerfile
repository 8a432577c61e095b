# The gateway alone: no Airflow, no validation, no plotting, and MLflow's client in place of its server.
# Build it from the project's root: make images
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG UV_VERSION=0.13.8
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check uv==${UV_VERSION} \
    && python -m venv --without-pip /opt/venv
WORKDIR /build
COPY docker/gateway.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv pip install --python /opt/venv/bin/python --require-hashes --no-deps -r gateway.lock
COPY pyproject.toml README.md requirements.lock ./
COPY include/evergreen include/evergreen
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv build --python /opt/venv/bin/python --wheel --require-hashes --build-constraints requirements.lock --out-dir dist . \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-deps dist/*.whl
COPY include/models models
# The example data is for those who train.
RUN rm -rf models/*/data models/*/seed.py

FROM ${BASE_IMAGE}
ARG CODE_REVISION=unknown
LABEL org.opencontainers.image.title="Evergreen's gateway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${CODE_REVISION}"
RUN groupadd --gid 50000 evergreen \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin evergreen \
    && install -d -o 50000 -g 50000 /var/lib/evergreen /keys
COPY --from=build /opt/venv /opt/venv
COPY --from=build /build/models /opt/evergreen/models
COPY docker/healthy.py /opt/evergreen/healthy.py
COPY --chmod=755 docker/sagemaker-serve.sh /usr/local/bin/serve
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore \
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=0 \
    DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true GIT_PYTHON_REFRESH=quiet \
    EVERGREEN_HOME=/var/lib/evergreen \
    EVERGREEN_DEFINITIONS_DIR=/opt/evergreen/models \
    EVERGREEN_CODE_REVISION=${CODE_REVISION}
USER 50000:50000
WORKDIR /var/lib/evergreen
EXPOSE 8082
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=6 \
    CMD ["python", "/opt/evergreen/healthy.py", "http://127.0.0.1:8082/health"]
CMD ["evergreen", "serve", "--host", "0.0.0.0", "--port", "8082", "--workers", "2"]
