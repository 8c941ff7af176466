"""The committed notebooks: executed, clean, with parameters, and every claim holding."""

import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest

PATHS = sorted(Path(__file__).parents[1].glob("notebooks/[0-9]*.ipynb"))
MACHINE_PATH = re.compile(r"(?<![\w.~/:])/(?:home|root|tmp|usr|opt|var|work|Users|mnt)/|[A-Z]:\\\\")
DEBRIS = re.compile(r"it/s|s/it|\d+%\||epoch/s|s/step|Warning|oneDNN|cuda", re.IGNORECASE)


def problems(notebook):
    """What is wrong with an executed notebook, a line each."""
    found = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"not executed from top to bottom: {counts}")
    for number, cell in enumerate(code, 1):
        if len(cell.source.splitlines()) > 25:
            found.append(f"cell {number} has more than 25 lines")
        for output in cell.outputs:
            kind = output.output_type
            if kind == "error" or (kind == "stream" and output.name == "stderr"):
                found.append(f"cell {number} has an error or writes to stderr")
            data = dict(output.get("data", {}))
            if "image/png" in data and not output.metadata.get("image/png", {}).get("alt"):
                found.append(f"cell {number} has a figure without alternative text")
            data.pop("image/png", None)
            text = output.get("text", "") + json.dumps(data, ensure_ascii=False)
            if MACHINE_PATH.search(text):
                found.append(f"cell {number} shows a machine's path")
            if DEBRIS.search(text):
                found.append(f"cell {number} shows a warning or a progress bar")
    claims = [cell for cell in code if "nbval-check-output" in cell.metadata.get("tags", [])]
    if not claims:
        found.append("no claims cell")
    for cell in claims:
        lines = "".join(output.get("text", "") for output in cell.outputs).splitlines()
        if not lines:
            found.append("a claims cell without stored output, which nbval would pass")
        found += [f"claim: {line}" for line in lines if not line.startswith("holds: ")]
    if any("raises-exception" in cell.metadata.get("tags", []) for cell in code):
        found.append("a cell that may raise: nbval would not notice if it did not")
    if any(re.search(r"^\s*[%!]", cell.source, re.MULTILINE) for cell in code):
        found.append("a magic, which nbval passes when misspelt")
    return found


def test_the_series_is_there():
    assert len(PATHS) >= 4


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook) == []
    assert path.stat().st_size < 1.5e6


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_papermill_reads_typed_and_explained_parameters(path):
    parameters = papermill.inspect_notebook(path)
    assert {"dataset", "code_size", "epochs", "seed"} <= set(parameters)
    for parameter in parameters.values():
        assert parameter["inferred_type_name"] in ("str", "int", "float", "list")
        assert parameter["help"]
    assert parameters["dataset"]["default"] == '"mnist"'


def _notebook():
    parameters = nbformat.v4.new_code_cell("a: int = 1", execution_count=1)
    text = nbformat.v4.new_output("stream", text="holds: it works\n")
    claims = nbformat.v4.new_code_cell("...", execution_count=2, outputs=[text])
    claims.metadata.tags = ["nbval-check-output"]
    return nbformat.v4.new_notebook(cells=[parameters, claims])


def test_a_clean_notebook_has_no_problems():
    assert problems(_notebook()) == []


def _set(cell, **values):
    return lambda notebook: notebook.cells[cell].update(values)


def _output(kind, **values):
    return _set(0, outputs=[nbformat.v4.new_output(kind, **values)])


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_set(1, execution_count=3), "not executed from top to bottom"),
        (_set(1, execution_count=None), "not executed from top to bottom"),
        (_set(0, source="x = 1\n" * 26), "more than 25 lines"),
        (_set(0, source="%matplotlb inline"), "a magic"),
        (_set(0, metadata={"tags": ["raises-exception"]}), "may raise"),
        (_set(1, metadata={}), "no claims cell"),
        (_set(1, outputs=[]), "without stored output"),
        (_output("error", ename="ValueError", evalue="", traceback=[]), "has an error"),
        (_output("stream", name="stderr", text="hm"), "writes to stderr"),
        (_output("stream", text="in /usr/share/data"), "machine's path"),
        (_output("stream", text=" 50%|##  | 3/6"), "progress bar"),
        (_output("display_data", data={"image/png": ""}), "without alternative text"),
    ],
)
def test_each_problem_is_found(spoil, problem):
    notebook = _notebook()
    spoil(notebook)
    assert any(problem in line for line in problems(notebook))


@pytest.mark.parametrize("verdict", ["does not hold", "not tested here"])
def test_a_claim_that_does_not_hold_is_found(verdict):
    notebook = _notebook()
    notebook.cells[1].outputs[0].text = f"holds: a\n{verdict}: b\n"
    assert problems(notebook) == [f"claim: {verdict}: b"]
