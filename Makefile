# Everything runs from .venv, which `make install` makes with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: install demo test check fuzz

# How long `make fuzz` runs, shared by parser and decoder.
FUZZ_SECONDS ?= 120

install: $(STAMP)

# The stamp is written last: an interrupted install is done again, a finished one is skipped.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(VENV)/bin/python tools/demo.py

test: install
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -n auto --maxprocesses 8 --dist worksteal

# Guided by coverage if atheris is in .venv (pip install atheris), else blind mutants of tests/robustness/corpus.
fuzz: install
	$(VENV)/bin/python tools/fuzz.py parse --seconds $$(($(FUZZ_SECONDS) / 2))
	$(VENV)/bin/python tools/fuzz.py decode --seconds $$(($(FUZZ_SECONDS) / 2))

check: install
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
