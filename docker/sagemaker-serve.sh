#!/bin/sh
# SageMaker starts a container with the one word `serve`, unpacks model.tar.gz below /opt/ml/model and asks on port 8080.
# Only its own proxy reaches the container, and it asks who calls: the gateway wants no keys here.
set -eu
EVERGREEN_GATEWAY_OPEN=true
export EVERGREEN_GATEWAY_OPEN
exec evergreen serve --host 0.0.0.0 --port "${SAGEMAKER_BIND_TO_PORT:-8080}" --package /opt/ml/model
