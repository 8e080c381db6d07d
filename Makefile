# make test        sets everything up and runs the checks and the tests
# make test-fast   the tests without the slow ones, for every day
# make demo        sets everything up and runs the main job on a sample, ending with where to look
# Both need Python 3.11 and a package registry, nothing else.
# make sbom        writes sbom.json: a CycloneDX bill of materials, all installed packages with versions and licences
# make audit       looks the pinned packages up among known vulnerabilities; needs the registry's advisories

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: test test-fast demo setup check clean sbom audit

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

# Anny parses its assets once, for set-up and for the tests of every checkout: a minute and 790 MB.
test test-fast: export ANNY_CACHE_DIR := $(or $(BIOPOSE_ASSETS),$(HOME)/.cache/biopose)/anny
test: check
	@echo "== Tests"
	@$(PYTEST)

test-fast: setup
	@echo "== Tests, without the slow ones"
	@$(PYTEST) -m "not slow"

demo: setup
	@echo "== Demo: an inbox of real clips into the warehouse"
	@$(BIN)/python -m flows.demo --out demo-output

# Tools with dependencies of their own, which the product does not share.
.venv/supply-chain/installed: .venv/installed
	@$(PYTHON) -m venv .venv/supply-chain
	@.venv/supply-chain/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

sbom: .venv/supply-chain/installed
	@.venv/supply-chain/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file sbom.json $(BIN)/python
	@echo "sbom.json lists what is installed; models and the body, with their hashes: biopose/assets.py"

audit: .venv/supply-chain/installed
	@.venv/supply-chain/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv demo-output
