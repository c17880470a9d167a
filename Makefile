# All need Python 3.11 or newer with its venv module; everything else goes into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --constraint constraints.txt

# Else glibc hands every large tensor back to the kernel, which clears its pages for the next one.
export MALLOC_MMAP_THRESHOLD_ = 33554432
export MALLOC_TRIM_THRESHOLD_ = 1073741824

.PHONY: help reproduce test types tests

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

reproduce: $(VENV)/installed ## recompute run reference and compare
	$(BIN)/python -m experiments.run +stage=all verify=true

test: $(VENV)/installed-dev ## lint, types, unit tests, doctests and a small run of all stages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --jobs=2 types tests

types: $(VENV)/installed-dev ## the types alone
	$(BIN)/pyright --pythonpath $(BIN)/python

# The long files come first in their order, so that no worker begins one when the others are done.
# What they compile is kept, whatever the environment says: they start many processes.
tests: $(VENV)/installed-dev ## the tests alone
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --dist loadgroup \
		--no-loadscope-reorder

$(VENV)/installed: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable ".[studies]"
	touch $@

$(VENV)/installed-dev: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable ".[dev]"
	touch $@ $(VENV)/installed

# torch comes first and alone, so that pip decides between its builds before anything else.
$(VENV)/pyvenv.cfg:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) "torch>=2.9,<2.14"
