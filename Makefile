# make demo   set up, train about a minute on the built-in corpus, write text
# make test   set up, run the tests (under eight minutes on two cores)
# make check  formatting, lint, types, import directions
# make bench  measurements beside their peers; nothing is asserted
# make clean  remove what the other targets made, runs excepted

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-slow check bench clean
.DEFAULT_GOAL := test

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	@text=$$($(BIN)/nextchar data fetch python) || exit; \
	if [ -d runs/demo ]; then $(BIN)/nextchar train --resume runs/demo; \
	else $(BIN)/nextchar train "$$text" --out runs/demo --minutes 1; fi
	@echo
	@$(BIN)/nextchar generate runs/demo --prompt 'def ' --length 700 --temperature 0.6 --seed 1

test: $(READY)
	$(BIN)/python -m pytest --quiet

test-slow: $(READY)
	$(BIN)/python -m pytest --quiet -m slow

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/encoding.py
	$(BIN)/python benchmarks/cells.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
