# `make run` and `make test` are all the set-up there is; both make the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run dashboard test test-heavy clean

run: $(VENV)/installed
	$(BIN)/parabourse run experiment=quickstart

dashboard: $(VENV)/installed-dashboard
	$(BIN)/parabourse dashboard

# Every process that the tests start would compile everything again.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto

test-heavy: export PYTHONDONTWRITEBYTECODE :=
test-heavy: $(VENV)/installed-test
	$(BIN)/pytest -n auto -m 'heavy and not slow'

clean:
	rm -rf $(VENV) build dist

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, as PYTHON=...; this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dashboard: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dashboard]'
	touch $@ $(VENV)/installed

$(VENV)/installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@ $(VENV)/installed $(VENV)/installed-dashboard
