# Python 3.11 or later and make are all that a machine needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: install nightly serve up test check docs lock clean
.DEFAULT_GOAL := nightly

install: $(READY)

# Exactly what requirements.lock says, each file held against its hash.
$(READY): requirements.lock requirements-cuda.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Almanac needs Python 3.11 or later; name one with PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { echo 'This Python makes no environments: on Debian and Ubuntu, apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up .venv: a few minutes and about 4 GB (8 GB with CUDA), the first time only'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python deploy/install.py
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

nightly: install
	$(BIN)/almanac nightly
	@echo
	$(BIN)/almanac search "How do I read a query parameter that is optional?" -k 1

# Answers with citations in the browser and for OpenAI's clients; Ctrl-C ends it.
serve: install
	@$(BIN)/almanac serve

# The Prefect UI with every flow and schedule; Ctrl-C ends it.
up: install
	@$(BIN)/almanac up

# Two processes, each on a core of its own: a library that takes both would wait for the other. A file
# stays on one process, and flows follow flows: Prefect's client loses events after long idleness.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The pages as a site in .site, with the reference of verbs, Python and HTTP made from the code.
docs: install
	$(BIN)/python -m mkdocs build --strict

# After a change of pyproject.toml. Versions that still fit stay; `make lock UPGRADE=--upgrade`.
lock:
	$(PYTHON) deploy/lock.py $(UPGRADE)

clean:
	rm -rf .venv .almanac
