# Stands in for prom/prometheus: Debian's Prometheus 2.42 with the official image's entry point.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus wget \
    && rm -rf /var/lib/apt/lists/* && install -d -o 65534 -g 65534 /prometheus && install -d /etc/prometheus
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
