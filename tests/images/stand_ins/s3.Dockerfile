# Stands in for the S3 server: moto, in memory, with signatures unchecked.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY requirements-dev.txt healthy.py /opt/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check --quiet uv==0.13.8 \
    && python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --no-cache --compile-bytecode --quiet --python /opt/venv/bin/python \
        --constraint /opt/requirements-dev.txt "moto[server,s3]"
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
CMD ["moto_server", "-H", "0.0.0.0", "-p", "9000"]
