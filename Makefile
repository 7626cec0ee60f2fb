# Every target works from a fresh checkout. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= /usr/bin/python3
VENV := build/venv
RUN := $(VENV)/bin

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

.PHONY: setup
setup: ## install the system packages that the tests need (root, Debian or Fedora)
	tests/setup

.PHONY: venv
venv: $(VENV)/.made ## make the Python environment for development in build/venv

$(VENV)/.made: pyproject.toml tests/requirements.txt
	test -x $(RUN)/python || $(PYTHON) -m venv --system-site-packages $(VENV)
	$(RUN)/python -m pip install -q -r tests/requirements.txt
	$(RUN)/python -m pip install -q --no-deps -e .
	touch $@

.PHONY: lint
lint: venv ## ruff and mypy
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
