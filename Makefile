PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS ?= $(sort $(wildcard notebooks/*.ipynb))
SERIES := $(sort $(wildcard notebooks/[0-9]*.ipynb))
GRADES ?= grading
JOBS ?= 2
SANDBOX ?= bubblewrap
# Without compiled files: Python writes those that it needs when it needs them. Where it is told not to, as in
# many container images, each import of TensorFlow would take 13 s in place of 5.
QUIETLY := --quiet --disable-pip-version-check --no-compile
unexport PYTHONDONTWRITEBYTECODE

.PHONY: notebooks test quick lint publish results site benchmark lab assignments grade clean

notebooks: .venv/installed  ## run the series; executed copies go to build/
	$(BIN)/python tools/publish.py --into build $(SERIES)
	@echo "The executed notebooks are in build/."

test: lint  ## lint, all tests, and every notebook under nbval; two at a time, each with half the cores
	$(BIN)/pytest -n 2 --dist loadscope

quick: lint  ## lint and the fast tests: no notebook, no grading, no sweep
	$(BIN)/pytest -m "not slow" aelib benchmarks tests

lint: .venv/tools  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check aelib benchmarks docs tests coursework tools
	$(BIN)/mypy

publish: .venv/installed  ## make publish NOTEBOOKS="a.ipynb b.ipynb": replace them by executed ones
	$(BIN)/python tools/publish.py $(NOTEBOOKS)

results: .venv/installed  ## the published tables, from results/NOTEBOOK[.TABLE]/plan.csv; it goes on where it was stopped
	for plan in results/*/plan.csv; do \
	  name=$$(basename $$(dirname $$plan)); \
	  $(BIN)/python -m aelib.sweep notebooks/$${name%%.*}.ipynb --plan $$plan -o build/results/$$name --jobs 1 && \
	  cp build/results/$$name/results.csv build/results/$$name/machine.json results/$$name/ || exit 1; \
	done

site: .venv/installed  ## the published notebooks and the guides as pages, in build/site/
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e ".[site]"
	$(BIN)/python -m sphinx -W -q -c docs -d build/doctrees . build/site
	@echo "Open build/site/index.html in a browser."

benchmark: .venv/installed  ## other people's recipes and ours in turn, hours; table and figure in build/benchmark/
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e ".[benchmark]"
	$(BIN)/python -m benchmarks

lab: .venv/installed  ## open the series in JupyterLab
	$(BIN)/jupyter lab notebooks

assignments: .venv/tools  ## student versions of the coursework, a zip a week, in build/assignments/
	$(BIN)/python coursework/course.py release build/assignments

grade: .venv/tools  ## make grade SUBMISSIONS=folder: points and feedback go to grading/
	@test -n "$(SUBMISSIONS)" || { echo "which folder? make grade SUBMISSIONS=folder" >&2; exit 2; }
	$(BIN)/python coursework/course.py grade "$(SUBMISSIONS)" --folder "$(GRADES)" --jobs $(JOBS) --sandbox $(SANDBOX)

clean:
	rm -rf .venv build

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: try make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python has no venv module: on Debian, apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e ".[notebooks]"
	@touch $@

.venv/tools: .venv/installed  ## what tests and coursework need on top
	$(BIN)/pip install $(QUIETLY) -c constraints.txt -e ".[test]"
	@touch $@
