# make demo    install into $(VENV), then train on synthetic micrographs, detect, evaluate; the results are in $(OUT)
# make test    install what the tests need and run them, those of layers and networks on JAX as well
# Another Python: make demo PYTHON=python3.12. Another place for the environment: VENV=some/folder.
# Tests run in two processes; with more cores and memory (2 GB each): make test JOBS=4.

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo_output
JOBS ?= 2
BIN = $(VENV)/bin/python

.PHONY: demo test lint notebooks benchmark clean

demo: $(VENV)/.installed
	$(BIN) samples/mitochondria/demo.py --out "$(OUT)"

test: $(VENV)/.installed-test
	$(BIN) -m pytest -q -n $(JOBS) --dist loadfile
	KERAS_BACKEND=jax $(BIN) -m pytest -q -n $(JOBS) --dist loadfile tests/layers tests/nets

lint: $(VENV)/.installed-test
	$(BIN) -m ruff check .

notebooks: $(VENV)/.installed-test
	$(BIN) -m pytest -q --nbmake notebooks

benchmark: $(VENV)/.installed
	$(BIN) benchmarks/run.py

# The stamps are renewed when the dependencies change; the package itself is installed editable and is always current.
$(VENV)/.installed: pyproject.toml $(VENV)/.made
	$(BIN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.made
	$(BIN) -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@ $(VENV)/.installed

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name it: make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11. Name a newer one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	@touch $@

clean:
	rm -rf .venv build dist demo_output .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
