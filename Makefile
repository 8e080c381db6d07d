# make test        sets everything up and runs the checks and the tests
# make test-fast   the tests without the slow ones, for every day
# make demo        sets everything up and runs the main job on a sample, ending with where to look
# Both need Python 3.11 and a package registry, nothing else.
# make sbom        writes sbom.json: a CycloneDX bill of materials, all installed packages with versions and licences
# make lock        writes flows/deployment/requirements/*.txt: packages with the hashes of their wheels, versions of constraints.txt
# make audit       looks the pinned packages up among known vulnerabilities; needs the registry's advisories

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
LOCKS := flows/deployment/requirements
# Three processes for two cores: tests wait for schedules, kills and the start of servers. Each grows to 2.7 GB.
PROCESSES ?= $(shell awk '/MemTotal/ { print ($$2 < 12000000) ? 2 : 3 }' /proc/meminfo 2>/dev/null || echo 3)
PYTEST := $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

# Where a shell or an image sets it, each of some hundred processes would compile the checkout anew, for half a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test test-fast demo setup check clean sbom lock audit

setup: .venv/installed
	@echo "== Assets: models and the body"
	@$(BIN)/biopose assets pull
	@$(BIN)/python -m tasks.empty_databases

# Only wheels, by their hashes; nothing is built but biopose itself.
# pip prefers a file whose hash a registry states to one of a folder, so the torch for CPUs alone is asked for by itself.
LOCKED := pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps --requirement

.venv/installed: pyproject.toml $(addprefix $(LOCKS)/,packages.txt torch.txt torch-cpu.txt)
	@echo "== Python packages into .venv (torch and OpenSim are large: some minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11; say PYTHON=/path/to/python3.11 make ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/$(LOCKED) $(LOCKS)/torch-cpu.txt 2>.venv/torch.log || \
	  { grep -q "No matching distribution" .venv/torch.log || [ "$$(uname -sm)" != "Linux x86_64" ] || \
	      { cat .venv/torch.log; exit 1; }; \
	    echo "The registry's torch is taken, on Linux with libraries for GPUs: the one for CPUs that is locked is not offered"; \
	    $(BIN)/$(LOCKED) $(LOCKS)/torch.txt; } && \
	  $(BIN)/$(LOCKED) $(LOCKS)/packages.txt || \
	  { echo "pip could not install the packages. Behind a firewall: in a copy of this folder, on a machine of the same"; \
	    echo "kind with Python 3.11 and a registry, fetch them with"; \
	    echo "  pip download --require-hashes --only-binary :all: --no-deps -d wheels \\"; \
	    echo "    -r $(LOCKS)/packages.txt -r $(LOCKS)/torch.txt"; \
	    echo "bring the folder wheels here and run: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make setup"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-index --no-build-isolation --no-deps --editable .
	@$(BIN)/pip check || { echo "$(LOCKS) lacks what pyproject.toml needs: make lock"; exit 1; }
	@touch $@

check: setup
	@echo "== Lint, format, imports, types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy --num-workers 2

# Anny parses its assets once, for set-up and for the tests of every checkout, whichever comes first: a minute and 790 MB.
test test-fast demo: export ANNY_CACHE_DIR := $(or $(BIOPOSE_ASSETS),$(HOME)/.cache/biopose)/anny
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
.venv/supply-chain/installed: $(LOCKS)/tools.txt
	@$(PYTHON) -m venv .venv/supply-chain
	@.venv/supply-chain/bin/$(LOCKED) $(LOCKS)/tools.txt
	@touch $@

sbom: .venv/installed .venv/supply-chain/installed
	@.venv/supply-chain/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file sbom.json $(BIN)/python
	@echo "sbom.json lists what is installed; models and the body, with their hashes: biopose/assets.py"

# For every platform that wheels are for. What constraints.txt does not pin keeps the version that it has.
COMPILE := .venv/supply-chain/bin/uv pip compile --quiet --universal --python-version 3.11 --only-binary :all: \
  --generate-hashes --no-annotate --custom-compile-command 'make lock'
GPU := torch==|triton|nvidia-|cuda-
lock: .venv/supply-chain/installed
	@cat $(LOCKS)/packages.txt $(LOCKS)/torch.txt > .venv/lock.txt
	@$(COMPILE) pyproject.toml --extra all --extra dev --constraints constraints.txt --output-file .venv/lock.txt >/dev/null
	@awk '/^[^ #]/ {other = /^($(GPU))/} !other' .venv/lock.txt > $(LOCKS)/packages.txt
	@awk '/^[^ #]/ {other = !/^($(GPU))/} !other' .venv/lock.txt > $(LOCKS)/torch.txt
	@$(COMPILE) $(LOCKS)/tools.in --output-file $(LOCKS)/tools.txt >/dev/null

audit: .venv/supply-chain/installed
	@.venv/supply-chain/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv demo-output
