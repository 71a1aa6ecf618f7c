# Everything a developer types. Each target sets up what it needs, the virtual environment included.

PYTHON ?= $(firstword $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Two at a time: on a small machine more would only make timings noisy.
PYTEST := $(BIN)/pytest -n 2
# A change is judged by the same examples twice; fresh ones are looked for by `make fuzz`.
SAME := --hypothesis-profile=same
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help install demo serve test check lint format docs screenshots fuzz bench soak vendor lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Make .venv with Stepmill and what it needs, from the hash lock

demo: install ## Load a real file into a typed table and show how (stays up in a terminal)
	$(BIN)/stepmill demo

serve: install ## Run everything on this machine, database included
	$(BIN)/stepmill serve

test: lint ## Lint, types, layers and the fast tests
	$(PYTEST) $(SAME)

check: lint ## All that `make test` does, and the slow tests
	$(PYTEST) $(SAME) -m "not alone"
	$(BIN)/pytest $(SAME) -m alone

fuzz: .venv/.installed-dev ## Property tests with fresh examples
	$(PYTEST) --hypothesis-profile=fresh -m hypothesis

lint: .venv/.installed-dev ## Style, types, and that imports run one way
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev ## Put the code into its shape
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: .venv/.installed-dev ## Write the pages that are made from the code
	$(BIN)/python -m docs.generator

screenshots: .venv/.installed-dev ## Take the pictures of the console anew, in Chromium
	$(BIN)/python -m tests.console.screenshots

bench: .venv/.installed-dev ## Measure speed and memory, other queues beside it, and write docs/benchmarks.md
	@$(MAKE) --no-print-directory .venv-bench/.installed || echo "The other queues can't be installed; they are left out."
	$(BIN)/python -m bench --write

soak: .venv/.installed-dev ## Run jobs while everything is killed, frozen and cut off: SOAK_SECONDS (600), SOAK_SEED
	$(BIN)/python -m soak

vendor: ## Copy the console's libraries from npm, as console/package-lock.json has them
	npm --prefix console ci --no-audit --no-fund --ignore-scripts
	npm --prefix console run vendor

lock: .venv/.installed-dev ## Write the hash locks anew from pyproject.toml
	$(LOCK) --upgrade --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(LOCK) --upgrade --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --upgrade --extra bench --constraint requirements.lock --output-file requirements-bench.lock pyproject.toml

clean: ## Remove .venv and all caches
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench soak -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# The queues that Stepmill is compared with, apart: what they bring would change how the product runs.
.venv-bench/.installed: requirements-bench.lock | .venv/bin/python
	.venv/bin/python -m venv .venv-bench
	.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-bench.lock
	@touch $@
