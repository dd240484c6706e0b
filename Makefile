# make run [DATASET=ogbg-molhiv] [ROOT=folder] [OUTPUT=folder] [ARGS="--trainings 5 --bytes 4000"]
# make test | lint | format | docs | clean

PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
DATASET ?= pains
ROOT ?=
OUTPUT ?= runs/$(basename $(notdir $(DATASET)))
ARGS ?= --trainings 2 --curve
WORKERS ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip install -c constraints.txt
COMPILE := $(BIN)/python -c "from graphdistill.core.codec import prior_graphs; prior_graphs('moses500')"
TORCH := $(shell grep -m1 '^torch==' constraints.txt)

export MPLBACKEND ?= Agg

.PHONY: run test lint format docs clean

run: .venv/installed
	$(BIN)/python -m graphdistill.mirage --dataset "$(DATASET)" $(if $(ROOT),--root "$(ROOT)") --output "$(OUTPUT)" $(ARGS)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default $(BIN)/python -m pytest -n $(WORKERS) -m bits tests

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The codec is compiled once, into the user's cache. Torch goes first and pinned: so a CPU wheel that lies on this machine is taken before any larger build.
.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) $(TORCH)
	$(PIP) -e .
	$(COMPILE)
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) $(TORCH)
	$(PIP) -e ".[dev]"
	# Its losses, oracles of ours, need torch alone; what else it asks for is large, and made for CUDA.
	$(PIP) --no-deps torchdistill
	$(COMPILE)
	touch .venv/installed $@
