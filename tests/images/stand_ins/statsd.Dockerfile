# Stands in for prom/statsd-exporter: takes what Airflow sends and says which names it has seen.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY statsd_names.py healthy.py /opt/
CMD ["python", "/opt/statsd_names.py"]
