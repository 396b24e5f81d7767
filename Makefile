# make demo   set up, train about a minute on the built-in corpus, write text and demo.html
# make test   set up, run the tests (under eight minutes on two cores)
# make check  formatting, lint, types, import directions, translations
# make docs   build the pages of docs/ as a site, in English and Korean: build/site/index.html
# make check-page  lint and types of the exported page's JavaScript (needs npm)
# make bench  measurements against baselines; nothing is asserted (TEXT=shakespeare downloads it)
# make clean  remove what the other targets made, runs excepted

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TEXT ?= python
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-slow check check-page docs bench clean
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
	@$(BIN)/nextchar generate runs/demo --prompt 'def ' --length 700 --temperature 0.8 --seed 1
	@echo
	@$(BIN)/nextchar export page runs/demo demo.html --title 'Python code' --prompt 'def ' --force > /dev/null
	@echo 'demo.html has this model in it: open it in a browser, it needs no network'

test: $(READY)
	$(BIN)/python -m pytest --quiet --numprocesses auto --maxprocesses 4

test-slow: $(READY)
	$(BIN)/python -m pytest --quiet -m slow

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.docs.translations

docs: $(READY)
	$(BIN)/python -m tests.docs.site

check-page: node_modules
	npm run --silent check

node_modules: package.json
	npm install --no-package-lock --no-audit --no-fund --silent
	@touch $@

# each table is printed and kept as JSON in bench/; about half an hour on a quiet machine
bench: $(READY)
	@mkdir -p bench
	$(BIN)/python benchmarks/encoding.py
	$(BIN)/python benchmarks/cells.py --json bench/cells.json
	$(BIN)/python benchmarks/training.py --json bench/training.json
	$(BIN)/python benchmarks/generation.py --json bench/generation.json
	$(BIN)/python benchmarks/novelty.py --json bench/novelty.json
	@text=$$($(BIN)/nextchar data fetch $(TEXT)) || exit; \
	test -d bench/run || $(BIN)/nextchar train "$$text" --out bench/run --minutes 1.5 || exit; \
	$(BIN)/python benchmarks/scoring.py bench/run "$$text" --json bench/scoring.json && \
	$(BIN)/python benchmarks/decoding.py bench/run "$$text" --json bench/decoding.json && \
	$(BIN)/python benchmarks/typos.py bench/run "$$text" --json bench/typos.json && \
	$(BIN)/python benchmarks/compression.py bench/run "$$text" --characters 100000 --json bench/compression.json && \
	$(BIN)/python benchmarks/parallel.py "$$text" --json bench/parallel.json && \
	$(BIN)/python benchmarks/precision.py "$$text" --json bench/precision.json && \
	$(BIN)/python benchmarks/gpt.py "$$text" --json bench/gpt.json && \
	$(BIN)/python benchmarks/defaults.py "$$text" --minutes 1.5 5 --json bench/defaults.json

clean:
	rm -rf .venv node_modules bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
