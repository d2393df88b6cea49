# Every target does its own set-up: Linux, Python 3.11 or 3.12 and make are all it needs.
CONFIG ?= search.toml
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(if $(shell $(name) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo yes),$(name))))
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.txt

.DEFAULT_GOAL := help
.PHONY: help search smoke test test-fast coverage lint format catalogue bench wheel clean

help: ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

search: .venv/.installed ## search, prove and pick a model: make search CONFIG=my.toml
	@$(BIN)/harness search $(CONFIG)

smoke: .venv/.installed ## every family, one tiny trial, the whole pipeline, in about two minutes
	@$(BIN)/harness search $(CONFIG) --smoke

CONTRACT := tests/families/test_contract.py tests/families/test_contract_knowledge.py tests/families/test_contract_trial.py
ALONE := ray or browser

test: .venv/.installed-dev ## every test: with Ray or a browser one by one, then every family's contract beside all others
	@$(BIN)/python -m pytest -m "$(ALONE)"
	@log=$$(mktemp); $(BIN)/python -m pytest -m "not ($(ALONE))" $(CONTRACT) >$$log 2>&1 & contract=$$!; \
	$(BIN)/python -m pytest -m "not ($(ALONE))" $(addprefix --ignore=,$(CONTRACT)); others=$$?; \
	wait $$contract; contract=$$?; cat $$log; rm -f $$log; exit $$((others | contract))

coverage: .venv/.installed-dev ## every test in one process, with the coverage of harness/
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

test-fast: .venv/.installed-dev ## the tests that start neither Ray nor a browser
	@$(BIN)/python -m pytest -m "not ray and not browser"

lint: .venv/.installed-dev ## ruff, ruff format --check, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.installed-dev ## let ruff format and sort imports
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

CATALOGUES := harness/leaderboard/locale
EXTRACT := --mapping=babel.cfg --no-default-keywords --keywords='_ gettext ngettext:1,2 say say_n:1,2 N_ Nn_:1,2' --no-location
UPDATE := --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap

catalogue: .venv/.installed ## put new texts of the page into the catalogues
	@pot=$$(mktemp) && trap 'rm -f '$$pot EXIT && \
	$(BIN)/pybabel -q extract $(EXTRACT) --sort-output --output-file=$$pot harness/leaderboard && \
	for po in $(CATALOGUES)/*.po; do \
	$(BIN)/pybabel -q update $(UPDATE) --locale=$$(basename $$po .po) --input-file=$$pot --output-file=$$po || exit; done

bench: .venv/.installed-dev ## benchmarks as ratios against peers in the same run
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.linear
	@$(BIN)/python -m benchmarks.encoder
	@$(BIN)/python -m benchmarks.decoding
	@$(BIN)/python -m benchmarks.promise
	@$(BIN)/python -m benchmarks.page

wheel: .venv/.installed-dev ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --outdir dist .

clean: ## remove what make installed and built; runs stay
	@rm -rf .venv dist

.venv/.made:
	@test -n "$(PYTHON)" || { echo "make needs Python 3.11 or 3.12: none of python3.11, python3.12 and python3 is one" >&2; exit 2; }
	@echo "setting up .venv (some minutes, once)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.made pyproject.toml requirements.txt
	@$(PIP) --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@$(PIP) --editable '.[dev]'
	@touch $@
