# Tallystick: everything that a person or a CI machine does with this checkout. `make` alone lists it.

# The Python to build .venv with: the first of these that is 3.11 to 3.13 and can make virtual environments.
PYTHONS = python3.13 python3.12 python3.11 python3
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& command -v $$python && break; done)

BIN = .venv/bin
# --no-deps and --require-hashes: nothing is installed that is not in the lock, and nothing that was changed since.
# --use-pep517: merkletools comes as source only, plain Python, which older versions of pip would build a way that they warn of.
INSTALL = $(BIN)/python -m pip install --quiet --no-deps --require-hashes --use-pep517 \
	--disable-pip-version-check --no-input --root-user-action=ignore --requirement
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --override requirements-override.txt
CHECKED = apps audit_chain data_pool tests manage.py

.DEFAULT_GOAL := help
.PHONY: help run stop reset test soak bench lint fmt lock install clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables, in the environment or in .env: PORTAL_PORT (8000), BEACON_PORT (8001), VALIDATOR_BASE_PORT (8101),"
	@echo "  VAR_DIR (var), and more in docs/operations.md. PYTHON names the Python to build .venv with."

run: .venv/.runtime ## start the whole network on this machine; Ctrl-C stops it
	@$(BIN)/python -m apps.launch

stop: .venv/.runtime ## stop a network that runs elsewhere, or that a crash left behind
	@$(BIN)/python -m apps.launch stop

reset: .venv/.runtime ## delete the network's data and keys, after asking (FORCE=1: without)
	@$(BIN)/python -m apps.launch reset $(if $(FORCE),--yes)

test: .venv/.development ## run all tests; ARGS="tests/core -k merkle" chooses
	@$(BIN)/python -m pytest $(ARGS)

soak: .venv/.development ## run what takes long: the random histories of which `make test` runs a sample
	@$(BIN)/python -m pytest -m soak $(ARGS)

bench: .venv/.development ## measure speed and size; ARGS="scale storage" chooses
	@$(BIN)/python -m tests.bench $(ARGS)

lint: .venv/.development ## check style (ruff), types (mypy) and layers (import-linter)
	@$(BIN)/ruff check $(CHECKED)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fmt: .venv/.development ## format the code and sort its imports
	@$(BIN)/ruff check --select I --fix --quiet $(CHECKED)
	@$(BIN)/ruff format $(CHECKED)

install: .venv/.development ## make .venv with everything to run, test and develop

lock: .venv/.development ## resolve requirements*.in anew into the hash-pinned requirements*.txt
	$(COMPILE) --upgrade requirements.in --output-file requirements.txt
	$(COMPILE) --upgrade requirements-dev.in --output-file requirements-dev.txt

clean: ## delete .venv and all caches; the network's data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	find $(wildcard $(CHECKED)) -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are newer than the locks they were installed from: a second `make run` installs nothing.

.venv/.runtime: requirements.txt
	@test -n "$(PYTHON)" || { echo "Tallystick needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian:" \
		"apt-get install python3-venv). Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Making .venv with $$($(PYTHON) --version) ($(PYTHON))" && \
		$(PYTHON) -m venv --clear .venv; }
	@echo "Installing what Tallystick runs on (requirements.txt)"
	@$(INSTALL) requirements.txt
	@touch $@

.venv/.development: .venv/.runtime requirements-dev.txt
	@echo "Installing what it is developed and tested with (requirements-dev.txt)"
	@$(INSTALL) requirements-dev.txt
	@touch $@
