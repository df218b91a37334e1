# make train   the main job: LAGMA on 3s_vs_5z   (ARGS="map=3m t_max=200000" to change it)
# make test    all tests                         (ARGS="tests/engine -k marine" to choose some)
# make clients StarCraft II's clients for tests/clients, in an environment of their own
# All set themselves up on a machine with nothing but python 3.11 or newer.

PYTHON ?= python3
CONFIG ?= lagma
ENV_CONFIG ?= sc2
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .venv-clients

# Two threads on a busy machine are slower than one: see docs/performance.md.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.PHONY: train test clients check bench clean

train: $(VENV)/.installed
	$(BIN)/python run.py --config=$(CONFIG) --env-config=$(ENV_CONFIG) with $(if $(filter map=%,$(ARGS)),,map=3s_vs_5z) $(ARGS)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(or $(ARGS),tests -m "not slow")

clients: $(CLIENTS)/.installed

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python run.py bench

clean:
	rm -rf $(VENV) $(CLIENTS) build *.egg-info marl/__pycache__

PROJECT_FILES := setup.cfg pyproject.toml constraints.txt
PIP = $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: python 3.11 or newer is needed; make PYTHON=<path to one>"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(PROJECT_FILES) | $(BIN)/python
	$(PIP) -e .
	touch $@

$(VENV)/.installed-test: $(PROJECT_FILES) | $(BIN)/python
	$(PIP) -e ".[test]"
	touch $@

$(CLIENTS)/.installed: tests/clients/requirements.txt | $(BIN)/python
	$(BIN)/python -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install -q --disable-pip-version-check -r $<
	touch $@

$(VENV)/.installed-dev: $(PROJECT_FILES) | $(BIN)/python
	$(PIP) -e ".[dev]"
	touch $@
