# make demo    install into $(VENV), then train on synthetic micrographs, detect, evaluate; the results are in $(OUT)
# make test    install what the tests need and run them, those of layers and networks on JAX as well
# make test-long   what takes longest: all notebooks in a short form, two of them in JupyterLab in a browser, killed trainings
# make test-fast   readers, tables, plots, layers and one tiny training, in about two minutes
# Another Python: make demo PYTHON=python3.12. Another place for the environment: VENV=some/folder.
# The lowest versions that pyproject.toml admits: make test PYTHON=python3.11 CONSTRAINTS=requirements-lowest.txt
# Tests run in two processes; with more cores and memory (up to 7 GB each): make test JOBS=4.

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo_output
JOBS ?= 2
CONSTRAINTS ?=
BIN = $(VENV)/bin/python
INSTALL ?= $(BIN) -m pip install --disable-pip-version-check
PIP = $(INSTALL) --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
# What libraries of some years ago called deprecated is history; of today's libraries it is an error (pyproject.toml).
OLD = $(if $(CONSTRAINTS),-W default::DeprecationWarning -W default::PendingDeprecationWarning -W default::FutureWarning)
# The files are given out in the order of collection, the longest first (tests/conftest.py).
PYTEST = $(BIN) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder $(OLD)

.PHONY: demo test test-long test-fast lint lowest notebooks benchmark clean

demo: $(VENV)/.installed
	$(BIN) samples/mitochondria/demo.py --out "$(OUT)"

test: $(VENV)/.installed-test
	$(PYTEST) -m "not long"
	KERAS_BACKEND=jax $(PYTEST) -m "not long" tests/layers tests/nets

test-long: $(VENV)/.installed-test
	$(PYTEST) -m long
	KERAS_BACKEND=jax $(PYTEST) -m long tests/nets

test-fast: $(VENV)/.installed-test
	$(PYTEST) -m "fast and not long"

lint: $(VENV)/.installed-test
	$(BIN) -m ruff check .
	$(BIN) -m ruff format --check .
	$(BIN) -m mypy

# Writes down the lowest versions again after a bound in pyproject.toml has changed; what these need in turn is the newest.
lowest: $(VENV)/.made
	$(BIN) -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(BIN) -m uv pip compile --quiet --resolution lowest-direct --python-version 3.11 --extra test --extra notebooks \
		--no-header --no-annotate --output-file requirements-lowest.txt pyproject.toml

notebooks: $(VENV)/.installed-test
	$(BIN) -m pytest -q --nbmake notebooks

benchmark: $(VENV)/.installed
	$(BIN) benchmarks/run.py

# The stamps are renewed when the dependencies change; the package itself is installed editable and is always current.
$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) $(VENV)/.made
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(CONSTRAINTS) $(VENV)/.made
	$(PIP) --editable ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name it: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11. Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	@touch $@

clean:
	rm -rf .venv build dist demo_output .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
