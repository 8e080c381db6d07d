# make test        sets everything up and runs the checks and the tests
# make test-fast   the tests without the slow ones, for every day
# make demo        sets everything up and runs the main job on a sample, ending with where to look
# Both need Python 3.11 and a package registry, nothing else.
# make sbom        writes sbom.json: a CycloneDX bill of materials, all installed packages with versions and licences
# make lock        writes requirements.lock: the packages of constraints.txt with the hashes of their wheels
# make audit       looks the pinned packages up among known vulnerabilities; needs the registry's advisories

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Three processes on two cores: tests of flows wait for servers as long as they compute.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

.PHONY: test test-fast demo setup check clean sbom lock torch-pin audit

setup: .venv/installed
	@echo "== Assets: models and the body"
	@$(BIN)/biopose assets pull
	@$(BIN)/python -m tasks.empty_databases

# Only wheels: no package but biopose itself is built, and no code of one runs while it is installed. The first step takes
# those of the lock, by their hashes. The second installs biopose and, with a torch for GPUs where no CPU build is
# offered, the libraries that this pins: by version, not by hash.
.venv/installed: pyproject.toml constraints.txt requirements.lock
	@echo "== Python packages into .venv (torch and OpenSim are large: some minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11; say PYTHON=/path/to/python3.11 make ..."; exit 1; }
	@$(PYTHON) -m venv .venv
	@{ $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
	     -r requirements.lock && \
	   $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --only-binary :all: \
	     -c constraints.txt -e '.[all,dev]'; } || \
	  { echo "pip could not install the packages. Behind a firewall: in a copy of this folder, on a machine of the same"; \
	    echo "kind with Python 3.11, fetch what is locked, and then what a torch for GPUs needs besides:"; \
	    echo "  pip download --require-hashes --only-binary :all: --no-deps -r requirements.lock -d wheels"; \
	    echo "  pip download --only-binary :all: --find-links wheels -c constraints.txt -d wheels '.[all,dev]'"; \
	    echo "bring the folder wheels here and run: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels make setup"; exit 1; }
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
	@.venv/supply-chain/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0 pip-audit==2.10.1 \
	  uv==0.13.9
	@touch $@

sbom: .venv/supply-chain/installed
	@.venv/supply-chain/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file sbom.json $(BIN)/python
	@echo "sbom.json lists what is installed; models and the body, with their hashes: biopose/assets.py"

# Of torch also the build for CPUs alone (Linux, x86-64, Python 3.11), which is not in the registry of the others.
TORCH_CPU_VERSION := 2.13.0
TORCH_CPU := 6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
torch-pin:
	@grep -qxF 'torch==$(TORCH_CPU_VERSION)' constraints.txt || { echo "constraints.txt pins another torch than \
	$(TORCH_CPU_VERSION), whose build for CPUs TORCH_CPU is the hash of: set both here"; exit 1; }

lock: torch-pin .venv/supply-chain/installed
	@.venv/supply-chain/bin/uv pip compile constraints.txt --quiet --no-deps --only-binary :all: --generate-hashes \
	  --no-annotate --python-version 3.11 --custom-compile-command 'make lock' --output-file .venv/requirements.lock
	@sed 's/^torch==.*/&\n    --hash=sha256:$(TORCH_CPU) \\/' .venv/requirements.lock > requirements.lock

audit: .venv/supply-chain/installed
	@.venv/supply-chain/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv demo-output
