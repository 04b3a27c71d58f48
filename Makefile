# Every command of the project; `make` alone lists them.
SHELL := /bin/sh
BIN := .venv/bin
RUN := $(BIN)/python -m
CHROMIUM ?= /usr/bin/chromium
WORKERS ?= 2
export CHROMIUM
.DEFAULT_GOAL := help
.PHONY: help run backup restore restore-undo test check e2e integrations prove bench locks runtime tools packages

# The environment's own Python, else the first supported one; the script says what is missing.
python = $$(for python in $(BIN)/python $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1 \
	&& echo "$$python" && exit; done; echo python3)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: runtime ## set up and run everything on this machine; Ctrl-C stops it
	@exec $(RUN) controlplane.launch

backup: runtime ## copy the embedded database to FILE=bursar.dump; it may run
	@$(RUN) controlplane.launch.copies save $(if $(FILE),"$(FILE)")

restore: runtime ## put FILE=bursar.dump in the place of the embedded database, which is kept
	@test -n "$(FILE)" || { echo "Say which: make restore FILE=bursar.dump"; exit 1; }
	@$(RUN) controlplane.launch.copies restore "$(FILE)"

restore-undo: runtime ## put back what the last restore replaced
	@$(RUN) controlplane.launch.copies undo

test: tools packages ## set up and run the tests
	@$(RUN) pytest -q -rs -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: tools ## lint, types, layers, templates, migrations, deployment, locks
	@echo "ruff"; $(RUN) ruff check .
	@$(RUN) ruff format --check .
	@echo "mypy"; $(RUN) mypy
	@echo "layers"; $(BIN)/lint-imports --no-cache
	@echo "templates"; find templates apps -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	@echo "house"; $(RUN) pytest -q -n $(WORKERS) tests/house

e2e: tools packages ## drive every page in a real browser
	@test -x "$(CHROMIUM)" || { echo "No Chromium at $(CHROMIUM): install the package chromium, or set CHROMIUM."; exit 1; }
	@$(RUN) pytest -q -rs -m e2e -n $(WORKERS) --dist load

integrations: ## the client with the libraries of providers, in an environment of their own
	@$(python) controlplane/launch/install.py integrations/python/requirements-test.lock .venv-integrations
	@cd integrations/python && ../../.venv-integrations/bin/python -m pytest -q -rs

prove: tools packages ## the long proofs: kills, random histories, fuzzing
	@$(RUN) pytest -q -rs -m prove

bench: tools ## measure speed; every file of benchmarks/ prints its own table
	@set -e; for file in $$(grep -l '__main__' benchmarks/*.py); do echo "$$file"; $(RUN) "benchmarks.$$(basename "$$file" .py)"; done

locks: ## resolve pyproject.toml into the two lock files again (needs uv)
	uv pip compile $(LOCK) pyproject.toml --output-file requirements.lock
	uv pip compile $(LOCK) pyproject.toml --group dev --output-file requirements-dev.lock
	uv pip compile $(LOCK) --group integrations/python/pyproject.toml:test --output-file integrations/python/requirements-test.lock

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

runtime:
	@$(python) controlplane/launch/install.py requirements.lock

tools:
	@$(python) controlplane/launch/install.py requirements-dev.lock

# The browser and the broker of a few tests. Without them those tests are skipped, by name and with the reason.
packages:
	@missing=""; test -x "$(CHROMIUM)" || missing="chromium"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	test -z "$$missing" || { if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then echo "Installing the Debian packages $$missing …"; apt-get update -qq \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else false; fi || echo "Without $$missing, the tests that need them are skipped."; }
