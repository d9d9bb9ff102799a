# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Idle threads sleep instead of spinning: on a busy machine two spinning pools slow each other down many times.
export GOMP_SPINCOUNT ?= 1000
# The tests of layers that are run once more with each of the other kernels; compilers and export choose none.
LAYERS = tests/nn --ignore tests/nn/test_compile_export.py

.PHONY: demo test check bench mutants setup clean

demo: setup  ## train, test and report in a few minutes
	$(BIN)/framecast demo forecast

test: setup check  ## every check that CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q --cov=framecast --cov-report=term-missing:skip-covered --cov-fail-under=90
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q $(LAYERS) --kernel reference
	OMP_NUM_THREADS=1 TRITON_INTERPRET=1 $(BIN)/python -m pytest -n 2 -q $(LAYERS) --kernel triton

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## speed and memory beside the textbook loop, other libraries and the convolutions alone
	env -u GOMP_SPINCOUNT $(BIN)/python -m benchmarks --parts layers growth dense training --output docs/results

mutants: setup  ## plant faults in the layers; every one must be caught by their tests
	$(BIN)/python tools/mutants.py

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Framecast needs Python 3.10 or newer; say which with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip setuptools wheel
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
