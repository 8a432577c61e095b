# Stands in for redis:7-bookworm: Debian's Redis 7.0.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
RUN groupadd --gid 999 redis && useradd --uid 999 --gid 999 --home-dir /data --shell /bin/sh redis \
    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* && install -d -o 999 -g 999 /data
CMD ["redis-server"]
