# make test        sets everything up and runs the checks and the tests
# make test-fast   the tests without the slow ones, for every day
# make demo        sets everything up and runs the main job on a sample, ending with where to look
# Both need Python 3.11 and a package registry, nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: test test-fast demo setup check clean

setup: .venv/installed
	@echo "== Assets: models and the body"
	@$(BIN)/biopose assets pull
	@$(BIN)/python -m tasks.empty_databases

.venv/installed: pyproject.toml constraints.txt
	@echo "== Python packages into .venv (torch and OpenSim are large: some minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11; say PYTHON=/path/to/python3.11 make ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]' || \
	  { echo "pip could not install the packages. Behind a firewall: fetch them elsewhere with"; \
	    echo "  pip download -c constraints.txt -d wheels '.[all,dev]'"; \
	    echo "bring the folder here and run: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make setup"; exit 1; }
	@touch $@

check: setup
	@echo "== Lint, format, imports, types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

# Anny parses its assets once, for set-up and for the tests: a minute and 790 MB.
test: export ANNY_CACHE_DIR := $(CURDIR)/.venv/anny
test: check
	@echo "== Tests"
	@$(PYTEST)

test-fast: setup
	@echo "== Tests, without the slow ones"
	@$(PYTEST) -m "not slow"

demo: setup
	@echo "== Demo: an inbox of real clips into the warehouse"
	@$(BIN)/python -m flows.demo --out demo-output

clean:
	rm -rf .venv demo-output
