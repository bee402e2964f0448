# The commands of this project. A newcomer needs two: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help account setup demo test check lint types unit lifecycle slow policies reliability clients bench lock destroy clean
SHELL := /bin/bash
# compiled modules are kept, whatever the caller's shell says: every test process would compile them anew
unexport PYTHONDONTWRITEBYTECODE
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml sandbox/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on the PATH. Install Python 3.11, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "setup: installing the Python packages pinned in requirements.lock into $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable sandbox
	@touch $@

setup: $(STAMP) ## install the Python packages, the Pulumi CLI and its plugins
	@$(BIN)/python -m jobgraph.toolchain setup

demo: setup ## deploy the quickstart's graph onto a local Snowflake, run it, show the results
	@$(BIN)/jobgraph sandbox start --quiet
	@eval "$$($(BIN)/jobgraph sandbox env)"; \
	pulumi stack select --create dev --non-interactive >/dev/null; \
	pulumi up --yes --skip-preview --non-interactive --stack dev; \
	echo 'Before the commands below, in your shell: eval "$$($(BIN)/jobgraph sandbox env)"' >&2; \
	jobgraph run --wait --picture .jobgraph/graph.svg

# Three workers on two cores: those of the lifecycle often wait for processes, and the third uses that time. Each
# further one costs eight seconds of the processor: it loads all tests, and the libraries that its processes share.
test: setup policies ## the tests, the lifecycle with the real Pulumi engine included
	@$(BIN)/python -m pytest -q -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder

unit: $(STAMP) ## the tests that start neither the Pulumi engine nor a sandbox process
	@$(BIN)/python -m pytest -q -m "not engine and not sandbox and not slow" -n 2 --dist worksteal

POLICIES := .jobgraph/policies/.installed
policies: $(POLICIES) ## create the environment of the policy pack, for `pulumi preview --policy-pack policies/pack`

$(POLICIES): policies/pack/requirements.txt
	@$(PYTHON) -m venv .jobgraph/policies
	@.jobgraph/policies/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

lifecycle: setup policies ## the tests with the real engine and a real sandbox process
	@$(BIN)/python -m pytest -q -m "(engine or sandbox) and not slow" -n 2 --dist loadfile --no-loadscope-reorder

slow: setup ## further cases of what `make test` tests: tests/slow.yaml; and properties with more examples
	@$(BIN)/python -m pytest -q -m "slow or hypothesis" --hypothesis-profile thorough -n 2 --dist loadfile --no-loadscope-reorder

check: lint types test slow ## lint, types and all tests: what CI runs

lint: $(STAMP) ## ruff: every rule, and the format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(STAMP) ## mypy, strictly
	@$(BIN)/mypy

reliability: $(STAMP) ## thousands of generated cases: what is claimed holds for each (COUNT=12000 SEED=1)
	@$(BIN)/python -m tests.reliability --count $(or $(COUNT),12000) --seed $(or $(SEED),1)

account: setup ## ask a real account what it answers, within a budget (CONNECTION=name BUDGET=credits); leaves nothing behind
	@test -n "$(BUDGET)" || { echo "error: say what it may cost: make account CONNECTION=trial BUDGET=2 (credits)" >&2; exit 2; }
	@$(BIN)/python -m tests.account $(if $(CONNECTION),--connection $(CONNECTION)) --budget $(BUDGET)

clients: $(STAMP) ## official clients against the sandbox, each in an environment of its own: docs/coverage.md (CHECK=1: hold the page against them)
	@$(BIN)/python -m tests.clients $(if $(CHECK),--check)

bench: setup ## the figures of docs/benchmarks.md, measured side by side
	@$(BIN)/python -m tests.bench

lock: ## resolve what pyproject.toml, sandbox/pyproject.toml and requirements/*.in need into the locks
	@uv pip compile --quiet --generate-hashes --python-version 3.11 --output-file requirements.lock pyproject.toml sandbox/pyproject.toml requirements/check.in
	@uv pip compile --quiet --generate-hashes --python-version 3.11 --output-file policies/pack/requirements.txt requirements/policies.in

destroy: ## remove what `make demo` deployed, and stop the sandbox
	@$(BIN)/jobgraph sandbox start --quiet
	@eval "$$($(BIN)/jobgraph sandbox env)"; pulumi destroy --yes --skip-preview --non-interactive --stack dev
	@$(BIN)/jobgraph sandbox stop

clean: ## remove everything that this folder's commands made, the local Snowflake's data included
	@if [ -x $(BIN)/jobgraph ]; then $(BIN)/jobgraph sandbox stop || true; fi
	@rm -rf .jobgraph $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
