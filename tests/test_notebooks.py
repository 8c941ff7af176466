"""The committed notebooks: executed by today's code, clean, with parameters, every claim holding."""

import base64
import re
from pathlib import Path

import nbformat
import papermill
import pytest

from aelib import provenance
from publish import problems

PATHS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))


def test_the_series_is_there():
    assert len(PATHS) >= 7


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_executed_and_clean(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook) == []
    assert path.stat().st_size < 1.6e6


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_was_published_with_todays_code(path):
    notebook = nbformat.read(path, as_version=4)
    published = notebook.metadata.get("aelib", {}).get("code", {})
    changed = provenance.changes(published, provenance.code_digests(notebook, path.parent))
    again = f"make publish NOTEBOOKS=notebooks/{path.name}"
    assert not changed, f"changed since it was published: {', '.join(changed)}; {again}"


def test_the_pictures_of_the_readme_are_outputs_of_the_notebooks():
    cells = [cell for path in PATHS for cell in nbformat.read(path, as_version=4).cells]
    drawn = {
        base64.b64decode(output.data["image/png"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }
    root = PATHS[0].parents[1]
    shown = re.findall(r"\]\((notebooks/[^)]+\.png)\)", (root / "README.md").read_text("utf-8"))
    assert shown
    old = [path for path in shown if (root / path).read_bytes() not in drawn]
    assert not old, f"no notebook drew {', '.join(old)}; copy it from the published one"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_papermill_reads_typed_and_explained_parameters(path):
    parameters = papermill.inspect_notebook(path)
    assert {"dataset", "code_size", "epochs", "seed"} <= set(parameters)
    for parameter in parameters.values():
        assert parameter["inferred_type_name"] in ("str", "int", "float", "bool", "list")
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
        (_set(0, source="x = 1" + " + 1" * 18), "a line of 77 columns"),
        (_set(0, source="%matplotlb inline"), "a magic"),
        (_set(0, metadata={"tags": ["raises-exception"]}), "may raise"),
        (_set(1, metadata={}), "no claims cell"),
        (_set(1, outputs=[]), "without stored output"),
        (_output("error", ename="ValueError", evalue="", traceback=[]), "has an error"),
        (_output("stream", name="stderr", text="hm"), "writes to stderr"),
        (_output("stream", text="in /usr/share/data"), "machine's path"),
        (_output("stream", text=" 50%|##  | 3/6"), "progress bar"),
        (_output("display_data", data={"image/png": ""}), "without alternative text"),
        (_output("display_data", data={}), "empty output"),
        (_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}}), "widget"),
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
