# Every line is one command of the CLI or of a tool; `make` alone lists them.
# Needed beforehand: python3 (3.11), make, git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
# What looks at the locks from outside has an environment of its own.
TOOLS := $(VENV)/tools
ARGS ?=

# Exported where bytecode is unwanted, it would make every process of the stack compile every module again.
unexport PYTHONDONTWRITEBYTECODE
# Two OpenMP threads that spin on two busy cores are ten times slower than one.
export OMP_NUM_THREADS := 1
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0

LOCK := $(BIN)/uv pip compile pyproject.toml --group build --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-annotate --quiet
# XGBoost's 469 MB for GPUs on several machines stay out of the images.
IMAGE_LOCK := $(BIN)/uv pip compile --python-version 3.11 --constraint requirements.lock --no-emit-package nvidia-nccl-cu12 \
	--generate-hashes --no-header --no-emit-index-url --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help setup dev demo up down test lint format bench lock images images-test production-test clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Install everything that runs, versions and hashes as locked

dev: $(VENV)/.installed-dev ## Install what tests and linters need as well

demo: setup ## Watch a champion being made from real flights, through Airflow (about six minutes)
	$(BIN)/evergreen demo $(ARGS)

up: setup ## Start Airflow and MLflow on this machine
	$(BIN)/evergreen up $(ARGS)

down: setup ## Stop them
	$(BIN)/evergreen down

test: lint ## Lint, check types and layers, run every test (ARGS="tests/unit -k gate" for some)
	$(BIN)/python -m pytest --durations=15 $(or $(strip $(ARGS)),--numprocesses auto --dist loadfile --no-loadscope-reorder)

lint: dev ## Style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: dev ## Measure: times, error rates of the gate
	$(BIN)/python -m pytest tests/benchmarks -s $(ARGS)

lock: $(BIN)/uv ## Resolve every lock file again (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) --output-file requirements.lock
	$(LOCK) $(ARGS) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(IMAGE_LOCK) $(ARGS) pyproject.toml docker/airflow.in --output-file docker/airflow.lock
	$(IMAGE_LOCK) $(ARGS) docker/gateway.in --output-file docker/gateway.lock
	$(IMAGE_LOCK) $(ARGS) docker/mlflow.in --output-file docker/mlflow.lock
	$(IMAGE_LOCK) $(ARGS) .github/audit/tools.in --output-file .github/audit/tools.lock

sbom: $(TOOLS)/.installed ## Write down what every environment and image is made of, in build/sbom (CycloneDX)
	$(TOOLS)/bin/python .github/audit/sbom.py build/sbom

audit: $(TOOLS)/.installed ## Ask whether a vulnerability is known of any of it
	$(TOOLS)/bin/python .github/audit/audit.py

images: ## Build the images of Airflow, the gateway and MLflow (ARGS="--build-arg BASE_IMAGE=…" for another base)
	for name in airflow gateway mlflow; do docker build $(ARGS) --build-arg CODE_REVISION=$$(git describe --always --dirty --exclude='*') \
		--tag evergreen-$$name:0.1.0 --file docker/$$name.Dockerfile . || exit 1; done

images-test: dev ## Build them without an image registry, start the stack and train in it (root, Debian)
	tests/images/lane.sh $(ARGS)

production-test: dev ## Tell the demo on the stack of docker/compose.yaml without containers, and disturb it (root, Debian, an hour)
	tests/production/lane.sh $(ARGS)

clean: ## Remove what tools have cached; data and environment stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov build dist
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## Remove the environment and all data below .evergreen as well
	if [ -x $(BIN)/evergreen ]; then $(BIN)/evergreen down; fi
	rm -rf $(VENV) .evergreen

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "error: $(PYTHON) is not Python 3.11; name one that is: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) cannot make virtual environments: the module venv or ensurepip is missing." >&2; \
		echo "  do: install it, on Debian and Ubuntu with: apt-get install python3.11-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# A stamp is older than the lock exactly when there is something to install.
$(VENV)/.installed: $(BIN)/uv requirements.lock pyproject.toml
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.lock
	@touch $@

$(TOOLS)/.installed: $(BIN)/uv .github/audit/tools.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(TOOLS)
	$(BIN)/uv pip install --quiet --python $(TOOLS)/bin/python --require-hashes -r .github/audit/tools.lock
	@touch $@
