PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9]*.ipynb))
GRADES ?= grading
JOBS ?= 2

.PHONY: notebooks test quick lint lab assignments grade clean

notebooks: .venv/installed  ## run the series; executed copies go to build/
	@mkdir -p build
	@set -e; for notebook in $(NOTEBOOKS); do \
	    $(BIN)/papermill --cwd notebooks $$notebook build/$$(basename $$notebook); \
	done
	@echo "The executed notebooks are in build/."

test: lint  ## lint, unit tests, and every notebook under nbval
	$(BIN)/pytest

quick: lint  ## lint and unit tests, without running the notebooks
	$(BIN)/pytest tests

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check aelib tests coursework

lab: .venv/installed  ## open the series in JupyterLab
	$(BIN)/jupyter lab notebooks

assignments: .venv/installed  ## student versions of the coursework, a zip a week, in build/assignments/
	$(BIN)/python coursework/course.py release build/assignments

grade: .venv/installed  ## make grade SUBMISSIONS=folder: points and feedback go to grading/
	@test -n "$(SUBMISSIONS)" || { echo "which folder? make grade SUBMISSIONS=folder" >&2; exit 2; }
	$(BIN)/python coursework/course.py grade "$(SUBMISSIONS)" --folder "$(GRADES)" --jobs $(JOBS)

clean:
	rm -rf .venv build

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: try make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python has no venv module: on Debian, apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[notebooks,test]"
	@touch $@
