# Every target works in a fresh clone: what it needs is installed first, into `.venv` and `.local`.

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
ARGS ?=
PROCESSES ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PYTEST := $(BIN)/python -m pytest -p tests.no_skips --hypothesis-profile=ci
CORE := domain infra streams projections notifications api
LONGEST_MODULE := 200

.DEFAULT_GOAL := help
.PHONY: help run test test-browser check format format-check lint types imports sizes contracts contracts-check stack stack-down bench evaluate faults guarantees up down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED) ## start everything here, ingest the sample, show the results (ARGS=--once: then stop)
	@$(BIN)/python -m dev.run $(ARGS)

test: $(INSTALLED) ## run the whole test suite, on a real Kafka and MongoDB for each of PROCESSES=2 (ARGS: more for pytest)
	$(PYTEST) -m "not faults and not browser" --numprocesses $(PROCESSES) --dist worksteal $(ARGS)

test-browser: $(INSTALLED) ## run the tests of the page in a headless Chromium (CHROMIUM: which one)
	$(PYTEST) -m browser -p no:randomly tests/browser $(ARGS)

check: format-check lint types imports sizes contracts-check ## format, lint, types, layers, sizes, contracts: seconds, no services

format: $(INSTALLED) ## put every file into the one format, and fix what lint can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

contracts: $(INSTALLED) ## write what is made from the code: schemas, OpenAPI, AsyncAPI, dashboard
	@$(BIN)/python -m dev.contracts

stack: $(INSTALLED) ## start Kafka and MongoDB in the background; print their addresses
	@$(BIN)/python -m dev.stack up

stack-down: $(INSTALLED) ## stop what `make stack` started; the data stays
	@$(BIN)/python -m dev.stack down

bench: $(INSTALLED) ## measure; a table on the screen and a JSON file (ARGS: which, and how)
	@$(BIN)/python -m benchmarks $(ARGS)

evaluate: $(INSTALLED) ## score the classifier on the labelled tickets, beside two baselines (ARGS=--json, --errors)
	@$(BIN)/python -m benchmarks.classification $(ARGS)

faults: $(INSTALLED) ## run the long fault tests
	$(PYTEST) -m faults $(ARGS)

guarantees: $(INSTALLED) ## run the check of every promise in GUARANTEES.md, and say which hold
	@$(BIN)/python -m dev.guarantees $(ARGS)

up: ## start everything in containers, with a first API key, shown once (ARGS='--scale worker=3')
	docker compose build
	docker compose run --rm key
	docker compose up --detach --wait $(ARGS)

down: ## stop the containers; the data stays
	docker compose down $(ARGS)

clean: ## remove what was installed and cached; `.local` with its data stays
	rm -rf $(VENV) build *.egg-info .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

format-check: $(INSTALLED)
	$(BIN)/ruff format --check .

lint: $(INSTALLED)
	$(BIN)/ruff check .

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

contracts-check: $(INSTALLED)
	@$(BIN)/python -m dev.contracts --check

sizes:
	@find $(CORE) -name '*.py' -exec awk \
		'END {if (NR > $(LONGEST_MODULE)) {print FILENAME ": " NR " lines, at most $(LONGEST_MODULE)"}}' {} \; \
		2>/dev/null | (! grep .)

$(INSTALLED): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo 'error: install Python 3.11 or newer, or name it: PYTHON=...' >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
